import { describe, expect, it } from 'vitest';
import { errorCode, startHarness, textInput, advanceUntil } from './support.ts';

describe('always', () => {
  it.each([
    ['create500', 500],
    ['create503', 503],
  ] as const)('%s refuses without a task', async (fault, status) => {
    const harness = await startHarness({ faults: { [fault]: 1 } });
    const answer = await harness.create('a fox');
    expect([answer.status, answer.json?.code]).toEqual([status, status]);
    expect(harness.simulator.records.summary()).toMatchObject({ tasks: { made: 0 }, faults: { [fault]: 1 } });
    harness.simulator.setFaults({ [fault]: 0 });
    expect((await harness.create('a fox')).status).toBe(200);
  });

  it.each([
    ['createReset', 0],
    ['createLost', 1],
  ] as const)('%s resets the connection, and %i tasks are made', async (fault, made) => {
    const harness = await startHarness({ faults: { [fault]: 1 } });
    expect(await errorCode(harness.create('a fox'))).toBe('ECONNRESET');
    expect(harness.simulator.records.summary().tasks.made).toBe(made);
  });

  it('createHang makes a task and never answers', async () => {
    const harness = await startHarness({ faults: { createHang: 1 } });
    const gone = new AbortController();
    const hanging = harness.post({ input: textInput }, { signal: gone.signal });
    await advanceUntil(harness, () => harness.simulator.records.summary().tasks.success === 1);
    gone.abort();
    await expect(hanging).rejects.toThrow('aborted');
  });

  it('status500, statusReset and statusGarbage spoil polls only', async () => {
    const harness = await startHarness();
    const taskId = await harness.createTask('a fox');
    harness.simulator.setFaults({ status500: 1 });
    expect((await harness.status(taskId)).json?.code).toBe(500);
    harness.simulator.setFaults({ status500: 0, statusReset: 1 });
    expect(await errorCode(harness.status(taskId))).toBe('ECONNRESET');
    harness.simulator.setFaults({ statusReset: 0, statusGarbage: 1 });
    const garbage = await harness.status(taskId);
    expect([garbage.status, garbage.json]).toEqual([200, undefined]);
    expect((await harness.create('a horse')).status).toBe(200);
    // The client has not yet received the end.
    expect(harness.simulator.records.task(taskId)?.firstSeenEndedAt).toBeNull();
  });

  it('failRate fails tasks', async () => {
    const harness = await startHarness({ faults: { failRate: 1 } });
    expect(await harness.ended(await harness.createTask('a fox'))).toMatchObject({ failCode: 'GENERATION_FAILED' });
  });

  it('down destroys connections to the API, and nothing else', async () => {
    const harness = await startHarness();
    const [url = ''] = await harness.urlsOf('a fox');
    harness.simulator.setFaults({ down: true });
    expect(await errorCode(harness.create('a horse'))).toBe('UND_ERR_SOCKET');
    expect(await errorCode(harness.status('x'))).toBe('UND_ERR_SOCKET');
    expect((await harness.file(url)).status).toBe(200);
    harness.simulator.setFaults({ down: false });
    expect((await harness.create('a horse')).status).toBe(200);
    expect(harness.simulator.records.tasks().map(({ prompt }) => prompt)).toEqual(['a fox', 'a horse']);
  });

  it('badKey and noCredit refuse every request', async () => {
    const harness = await startHarness({ faults: { badKey: true } });
    const balance = () => harness.send('GET', '/api/v1/apikeys/current-balance');
    expect((await balance()).json).toEqual({ code: 401, message: 'Invalid or missing API Key', data: null });
    harness.simulator.setFaults({ badKey: false, noCredit: true });
    expect((await harness.create('a fox')).json).toEqual({ code: 400, message: 'Insufficient credits', data: null });
    expect((await balance()).json?.data).toBe(0);
    expect(harness.simulator.records.summary().refused).toMatchObject({ key: 1, credits: 1 });
  });

  it('latencyMs delays the answer, not the task', async () => {
    const harness = await startHarness({ faults: { latencyMs: [200, 210] } });
    const { records } = harness.simulator;
    const sent = records.now();
    const { status } = await harness.create('a fox');
    expect([status, records.now() - sent >= 200]).toEqual([200, true]);
    expect((records.tasks()[0]?.createdAt ?? 0) - sent).toBeLessThan(200);
  });
});

const statuses = async (seed: number) => {
  const harness = await startHarness({ seed, faults: { create500: 0.3 } });
  const all: number[] = [];
  for (let i = 0; i < 200; i++) all.push((await harness.create(`fox ${i}`)).status);
  const failed = all.filter((status) => status === 500).length;
  expect(failed).toBeGreaterThan(35);
  expect(failed).toBeLessThan(85);
  expect(harness.simulator.records.summary().tasks.made).toBe(200 - failed);
  return all;
};

const failed = async (numbers: number[]) => {
  const harness = await startHarness({ faults: { failRate: 0.5 } });
  for (const n of numbers) await harness.ended(await harness.createTask(`fox ${n}`));
  const tasks = harness.simulator.records.tasks().filter(({ state }) => state === 'failed');
  return tasks.map(({ prompt }) => prompt).toSorted();
};

describe('by chance', () => {
  it('strikes at its rate, and for the same seed at the same requests', async () => {
    const first = await statuses(5);
    expect(await statuses(5)).toEqual(first);
    expect(await statuses(6)).not.toEqual(first);
  });

  it('fails the same prompts for the same seed, in any order', async () => {
    const numbers = Array.from({ length: 40 }, (_, i) => i);
    const first = await failed(numbers);
    expect(first.length).toBeGreaterThan(5);
    expect(first.length).toBeLessThan(35);
    expect(await failed(numbers.toReversed())).toEqual(first);
  });
});
