import { describe, expect, it } from 'vitest';
import { startHarness, advanceUntil } from './support.ts';

describe('the request limit', () => {
  it('answers 429 beyond it, for all kinds of API requests in sum', async () => {
    const harness = await startHarness({ maxRequests: 3, speed: 2, faults: { retryAfter: 7 } });
    const answers = [
      await harness.create('a fox'),
      await harness.status('x'),
      await harness.send('GET', '/api/v1/apikeys/current-balance'),
      await harness.create('a fox'),
      await harness.status('x'),
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 404, 200, 429, 429]);
    const message = 'Rate limit exceeded: 3 requests in 60 s. Wait and retry.';
    expect(answers[3]?.json).toEqual({ code: 429, message, data: null });
    expect(answers[3]?.headers['retry-after']).toBe('7');
    expect(harness.simulator.records.summary()).toMatchObject({
      requests: { create: 2, status: 2, balance: 1, other: 0, total: 5 },
      refused: { rate: 2, concurrency: 0 },
      maxRequestsInWindow: 5,
    });
  });

  it('ends with the window, divided by speed; refused requests do not prolong it', async () => {
    const harness = await startHarness({ maxRequests: 2, requestWindowMs: 100_000, speed: 1_000 });
    const { records } = harness.simulator;
    const started = records.now();
    await harness.status('x');
    await harness.status('x');
    // If refused requests counted, these would never be admitted.
    while ((await harness.status('x')).status === 429);
    expect(records.now() - started).toBeGreaterThanOrEqual(100);
    expect(records.summary().refused.rate).toBeGreaterThan(0);
  });

  it('does not count clips and its own paths, and sends Retry-After only if configured', async () => {
    const harness = await startHarness({ maxRequests: 2 });
    const [url = ''] = await harness.urlsOf('a fox');
    for (let i = 0; i < 5; i++) expect((await harness.file(url)).status).toBe(200);
    const refused = await harness.status('x');
    expect([refused.status, refused.headers['retry-after']]).toEqual([429, undefined]);
    expect((await harness.send('GET', '/_simulator/records')).status).toBe(200);
    expect(harness.simulator.records.summary().requests.total).toBe(3);
  });
});

describe('the limit of tasks in flight', () => {
  it('answers 429 with another message, until a task ends', async () => {
    const harness = await startHarness({ maxTasks: 2 });
    await harness.create('one [never]');
    await harness.create('two [slow:2]', { duration: 10 });
    await advanceUntil(harness, () => harness.simulator.records.summary().tasks.inFlight === 1);
    expect((await harness.create('three [never]')).status).toBe(200);
    const refused = await harness.create('four');
    expect(refused.status).toBe(429);
    expect(refused.json).toEqual({
      code: 429,
      message: 'Concurrent task limit exceeded: 2 tasks. Wait and retry.',
      data: null,
    });
    expect(harness.simulator.records.summary()).toMatchObject({
      refused: { rate: 0, concurrency: 1 },
      tasks: { made: 3, inFlight: 2, maxInFlight: 2 },
    });
  });

  it('ends with the task, not with its next poll', async () => {
    const harness = await startHarness({ maxTasks: 1 });
    for (let i = 0; i < 20; i++) {
      await advanceUntil(harness, () => harness.simulator.records.tasks().every(({ state }) => state === 'success'));
      expect((await harness.create(`fox ${i}`)).status).toBe(200);
    }
  });
});
