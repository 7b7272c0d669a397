import { describe, expect, it } from 'vitest';
import { errorCode, startRig, textInput, until } from './support.ts';

describe('always', () => {
  it.each([
    ['create500', 500],
    ['create503', 503],
  ] as const)('%s refuses without a task', async (fault, status) => {
    const rig = await startRig({ faults: { [fault]: 1 } });
    const answer = await rig.create('a fox');
    expect([answer.status, answer.json?.code]).toEqual([status, status]);
    expect(rig.simulator.records.summary()).toMatchObject({ tasks: { made: 0 }, faults: { [fault]: 1 } });
    rig.simulator.setFaults({ [fault]: 0 });
    expect((await rig.create('a fox')).status).toBe(200);
  });

  it.each([
    ['createReset', 0],
    ['createLost', 1],
  ] as const)('%s resets the connection, and %i tasks are made', async (fault, made) => {
    const rig = await startRig({ faults: { [fault]: 1 } });
    expect(await errorCode(rig.create('a fox'))).toBe('ECONNRESET');
    expect(rig.simulator.records.summary().tasks.made).toBe(made);
  });

  it('createHang makes a task and never answers', async () => {
    const rig = await startRig({ faults: { createHang: 1 } });
    const gone = new AbortController();
    const hanging = rig.post({ input: textInput }, { signal: gone.signal });
    await until(rig, () => rig.simulator.records.summary().tasks.success === 1);
    gone.abort();
    await expect(hanging).rejects.toThrow('aborted');
  });

  it('status500, statusReset and statusGarbage spoil polls only', async () => {
    const rig = await startRig();
    const taskId = await rig.createTask('a fox');
    rig.simulator.setFaults({ status500: 1 });
    expect((await rig.status(taskId)).json?.code).toBe(500);
    rig.simulator.setFaults({ status500: 0, statusReset: 1 });
    expect(await errorCode(rig.status(taskId))).toBe('ECONNRESET');
    rig.simulator.setFaults({ statusReset: 0, statusGarbage: 1 });
    const garbage = await rig.status(taskId);
    expect([garbage.status, garbage.json]).toEqual([200, undefined]);
    expect((await rig.create('a horse')).status).toBe(200);
    // Nobody has been told of an end so far.
    expect(rig.simulator.records.task(taskId)?.firstSeenEndedAt).toBeNull();
  });

  it('failRate fails tasks', async () => {
    const rig = await startRig({ faults: { failRate: 1 } });
    expect(await rig.ended(await rig.createTask('a fox'))).toMatchObject({ failCode: 'GENERATION_FAILED' });
  });

  it('down destroys connections to the API, and nothing else', async () => {
    const rig = await startRig();
    const [url = ''] = await rig.urlsOf('a fox');
    rig.simulator.setFaults({ down: true });
    expect(await errorCode(rig.create('a horse'))).toBe('UND_ERR_SOCKET');
    expect(await errorCode(rig.status('x'))).toBe('UND_ERR_SOCKET');
    expect((await rig.file(url)).status).toBe(200);
    rig.simulator.setFaults({ down: false });
    expect((await rig.create('a horse')).status).toBe(200);
    expect(rig.simulator.records.tasks().map(({ prompt }) => prompt)).toEqual(['a fox', 'a horse']);
  });

  it('badKey and noCredit refuse everybody', async () => {
    const rig = await startRig({ faults: { badKey: true } });
    const balance = () => rig.send('GET', '/api/v1/apikeys/current-balance');
    expect((await balance()).json).toEqual({ code: 401, message: 'Invalid or missing API Key', data: null });
    rig.simulator.setFaults({ badKey: false, noCredit: true });
    expect((await rig.create('a fox')).json).toEqual({ code: 400, message: 'Insufficient credits', data: null });
    expect((await balance()).json?.data).toBe(0);
    expect(rig.simulator.records.summary().refused).toMatchObject({ key: 1, credits: 1 });
  });

  it('latencyMs delays the answer, not the task', async () => {
    const rig = await startRig({ faults: { latencyMs: [200, 210] } });
    const { records } = rig.simulator;
    const sent = records.now();
    const { status } = await rig.create('a fox');
    expect([status, records.now() - sent >= 200]).toEqual([200, true]);
    expect((records.tasks()[0]?.createdAt ?? 0) - sent).toBeLessThan(200);
  });
});

const statuses = async (seed: number) => {
  const rig = await startRig({ seed, faults: { create500: 0.3 } });
  const all: number[] = [];
  for (let i = 0; i < 200; i++) all.push((await rig.create(`fox ${i}`)).status);
  const failed = all.filter((status) => status === 500).length;
  expect(failed).toBeGreaterThan(35);
  expect(failed).toBeLessThan(85);
  expect(rig.simulator.records.summary().tasks.made).toBe(200 - failed);
  return all;
};

const failed = async (numbers: number[]) => {
  const rig = await startRig({ faults: { failRate: 0.5 } });
  for (const n of numbers) await rig.ended(await rig.createTask(`fox ${n}`));
  const tasks = rig.simulator.records.tasks().filter(({ state }) => state === 'failed');
  return tasks.map(({ prompt }) => prompt).toSorted();
};

describe('by chance', () => {
  it('strikes at its rate, and for the same seed at the same requests', async () => {
    const first = await statuses(5);
    expect(await statuses(5)).toEqual(first);
    expect(await statuses(6)).not.toEqual(first);
  });

  it('fails the same prompts for the same seed, in whatever order they come', async () => {
    const numbers = Array.from({ length: 40 }, (_, i) => i);
    const first = await failed(numbers);
    expect(first.length).toBeGreaterThan(5);
    expect(first.length).toBeLessThan(35);
    expect(await failed(numbers.toReversed())).toEqual(first);
  });
});
