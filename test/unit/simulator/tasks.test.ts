import { describe, expect, it } from 'vitest';
import { stateOf, type Task } from '../../../src/simulator/task.ts';
import { startHarness, theOnlyTask } from './support.ts';

const lengths = async (seed: number, prompts: string[]) => {
  const harness = await startHarness({ seed, generationMs: { 5: [1_000, 9_000] } });
  for (const prompt of prompts) await harness.create(prompt);
  const tasks = harness.simulator.records.tasks();
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

  it('ends by time, and is seen by a later poll', async () => {
    const harness = await startHarness({ generationMs: { 5: [300, 300] } });
    const taskId = await harness.createTask('a fox');
    const seen = new Set<unknown>();
    while (!seen.has('success')) seen.add((await harness.status(taskId)).json?.data?.['state']);
    expect([...seen].filter((state) => state !== 'pending')).toEqual(['processing', 'success']);
    const { createdAt, endsAt, firstSeenEndedAt } = theOnlyTask(harness);
    expect((endsAt ?? 0) - createdAt).toBeCloseTo(300, 6);
    expect(firstSeenEndedAt).toBeGreaterThanOrEqual(endsAt ?? Infinity);
  });

  it('takes 50 to 70 s for 5 s of video and 80 to 100 s for 10 s, by default', async () => {
    const harness = await startHarness({ generationMs: undefined, speed: 10_000 });
    for (let i = 0; i < 50; i++) await harness.create(`fox ${i}`, { duration: i % 2 === 0 ? 5 : 10 });
    const seconds = (duration: number) =>
      harness.simulator.records
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

  it('takes the same time for the same seed and prompt, in any order', async () => {
    const first = await lengths(3, ['fox', 'horse', 'fox']);
    expect(new Set(first).size).toBe(3);
    expect(await lengths(3, ['horse', 'fox', 'fox'])).toEqual(first);
    expect(await lengths(4, ['horse', 'fox', 'fox'])).not.toEqual(first);
  });

  it('exists only in its own simulator, even with the same seed', async () => {
    const first = await startHarness();
    const second = await startHarness();
    const taskId = await first.createTask('a fox');
    await second.createTask('a fox');
    expect((await second.status(taskId)).status).toBe(404);
  });

  it('is dropped when too many have ended after it', async () => {
    const harness = await startHarness({ keepTasks: 2 });
    const running = await harness.createTask('[never]');
    const oldest = await harness.createTask('fox 1');
    await harness.ended(oldest);
    const newest = await harness.createTask('fox 2');
    await harness.ended(newest);
    expect((await harness.status(oldest)).status).toBe(404);
    expect((await harness.status(running)).status).toBe(200);
    expect((await harness.status(newest)).status).toBe(200);
    expect(harness.simulator.records.tasksFor('fox 1')).toEqual([]);
    expect(harness.simulator.records.summary().tasks).toMatchObject({ made: 3, forgotten: 1 });
  });
});
