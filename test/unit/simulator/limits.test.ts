import { describe, expect, it } from 'vitest';
import { startRig, until } from './support.ts';

describe('the request limit', () => {
  it('answers 429 beyond it, for all kinds of API requests together', async () => {
    const rig = await startRig({ maxRequests: 3, speed: 2, faults: { retryAfter: 7 } });
    const answers = [
      await rig.create('a fox'),
      await rig.status('x'),
      await rig.send('GET', '/api/v1/apikeys/current-balance'),
      await rig.create('a fox'),
      await rig.status('x'),
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 404, 200, 429, 429]);
    const message = 'Rate limit exceeded: 3 requests in 60 s. Wait and retry.';
    expect(answers[3]?.json).toEqual({ code: 429, message, data: null });
    expect(answers[3]?.headers['retry-after']).toBe('7');
    expect(rig.simulator.records.summary()).toMatchObject({
      requests: { create: 2, status: 2, balance: 1, other: 0, total: 5 },
      refused: { rate: 2, concurrency: 0 },
      maxRequestsInWindow: 5,
    });
  });

  it('is over when the window, divided by speed, has passed; refused requests do not prolong it', async () => {
    const rig = await startRig({ maxRequests: 2, requestWindowMs: 100_000, speed: 1_000 });
    const { records } = rig.simulator;
    const started = records.now();
    await rig.status('x');
    await rig.status('x');
    // Were refused requests counted, these would never be let in again.
    while ((await rig.status('x')).status === 429);
    expect(records.now() - started).toBeGreaterThanOrEqual(100);
    expect(records.summary().refused.rate).toBeGreaterThan(0);
  });

  it('does not count clips and its own paths, and sends no Retry-After unless told to', async () => {
    const rig = await startRig({ maxRequests: 2 });
    const [url = ''] = await rig.urlsOf('a fox');
    for (let i = 0; i < 5; i++) expect((await rig.file(url)).status).toBe(200);
    const refused = await rig.status('x');
    expect([refused.status, refused.headers['retry-after']]).toEqual([429, undefined]);
    expect((await rig.send('GET', '/_simulator/records')).status).toBe(200);
    expect(rig.simulator.records.summary().requests.total).toBe(3);
  });
});

describe('the limit of tasks in flight', () => {
  it('answers 429 with another message, and lets go when a task ends', async () => {
    const rig = await startRig({ maxTasks: 2 });
    await rig.create('one [never]');
    await rig.create('two [slow:2]', { duration: 10 });
    await until(rig, () => rig.simulator.records.summary().tasks.inFlight === 1);
    expect((await rig.create('three [never]')).status).toBe(200);
    const refused = await rig.create('four');
    expect(refused.status).toBe(429);
    expect(refused.json).toEqual({
      code: 429,
      message: 'Concurrent task limit exceeded: 2 tasks. Wait and retry.',
      data: null,
    });
    expect(rig.simulator.records.summary()).toMatchObject({
      refused: { rate: 0, concurrency: 1 },
      tasks: { made: 3, inFlight: 2, maxInFlight: 2 },
    });
  });

  it('counts a task out at its end, not when somebody asks for it', async () => {
    const rig = await startRig({ maxTasks: 1 });
    for (let i = 0; i < 20; i++) {
      await until(rig, () => rig.simulator.records.tasks().every(({ state }) => state === 'success'));
      expect((await rig.create(`fox ${i}`)).status).toBe(200);
    }
  });
});
