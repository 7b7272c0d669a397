import { describe, expect, it } from 'vitest';
import { stateOf, type Task } from '../../../src/simulator/task.ts';
import { startRig, theOnlyTask } from './support.ts';

const lengths = async (seed: number, prompts: string[]) => {
  const rig = await startRig({ seed, generationMs: { 5: [1_000, 9_000] } });
  for (const prompt of prompts) await rig.create(prompt);
  const tasks = rig.simulator.records.tasks();
  return tasks.map(({ prompt, createdAt, endsAt }) => `${prompt} ${((endsAt ?? 0) - createdAt).toFixed(3)}`).toSorted();
};

describe('the life of a task', () => {
  it('is pending for a tenth of its time, then processing, until it has ended', () => {
    const task = { processingAt: 20, ended: false, failCode: undefined } as Task;
    expect([0, 19.9, 20, 1_000].map((now) => stateOf(task, now))).toEqual([
      'pending',
      'pending',
      'processing',
      'processing',
    ]);
    expect(stateOf({ ...task, ended: true }, 0)).toBe('success');
    expect(stateOf({ ...task, ended: true, failCode: 'NSFW' }, 0)).toBe('failed');
  });

  it('ends by time, and somebody sees it afterwards', async () => {
    const rig = await startRig({ generationMs: { 5: [300, 300] } });
    const taskId = await rig.createTask('a fox');
    const seen = new Set<unknown>();
    while (!seen.has('success')) seen.add((await rig.status(taskId)).json?.data?.['state']);
    expect([...seen].filter((state) => state !== 'pending')).toEqual(['processing', 'success']);
    const { createdAt, endsAt, firstSeenEndedAt } = theOnlyTask(rig);
    expect((endsAt ?? 0) - createdAt).toBeCloseTo(300, 6);
    expect(firstSeenEndedAt).toBeGreaterThanOrEqual(endsAt ?? Infinity);
  });

  it('takes 50 to 70 s for 5 s of video and 80 to 100 s for 10 s, by default', async () => {
    const rig = await startRig({ generationMs: undefined, speed: 10_000 });
    for (let i = 0; i < 50; i++) await rig.create(`fox ${i}`, { duration: i % 2 === 0 ? 5 : 10 });
    const seconds = (duration: number) =>
      rig.simulator.records
        .tasks()
        .filter(({ input }) => input.duration === duration)
        .map(({ createdAt, endsAt }) => ((endsAt ?? 0) - createdAt) * 10);
    for (const [duration, min, max] of [
      [5, 50, 70],
      [10, 80, 100],
    ] as const) {
      const all = seconds(duration);
      expect(all).toHaveLength(25);
      expect(Math.min(...all)).toBeGreaterThanOrEqual(min - 1e-6);
      expect(Math.max(...all)).toBeLessThanOrEqual(max + 1e-6);
      expect(Math.max(...all) - Math.min(...all)).toBeGreaterThan(10);
    }
  });

  it('takes the same time for the same seed and prompt, in whatever order they come', async () => {
    const first = await lengths(3, ['fox', 'horse', 'fox']);
    expect(new Set(first).size).toBe(3);
    expect(await lengths(3, ['horse', 'fox', 'fox'])).toEqual(first);
    expect(await lengths(4, ['horse', 'fox', 'fox'])).not.toEqual(first);
  });

  it('is known to its own simulator only, though the seed is the same', async () => {
    const first = await startRig();
    const second = await startRig();
    const taskId = await first.createTask('a fox');
    await second.createTask('a fox');
    expect((await second.status(taskId)).status).toBe(404);
  });

  it('is forgotten when too many ended after it', async () => {
    const rig = await startRig({ keepTasks: 2 });
    const running = await rig.createTask('[never]');
    const oldest = await rig.createTask('fox 1');
    await rig.ended(oldest);
    const newest = await rig.createTask('fox 2');
    await rig.ended(newest);
    expect((await rig.status(oldest)).status).toBe(404);
    expect((await rig.status(running)).status).toBe(200);
    expect((await rig.status(newest)).status).toBe(200);
    expect(rig.simulator.records.tasksFor('fox 1')).toEqual([]);
    expect(rig.simulator.records.summary().tasks).toMatchObject({ made: 3, forgotten: 1 });
  });
});
