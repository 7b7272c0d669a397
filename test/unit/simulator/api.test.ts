import { describe, expect, it } from 'vitest';
import { startHarness, textInput } from './support.ts';

const json = { 'content-type': 'application/json' };

describe('shapes', () => {
  it('answers a creation and an unfinished task as documented', async () => {
    const harness = await startHarness({ generationMs: { 5: [50_000, 50_000] } });
    const created = await harness.create('a fox');
    expect(created).toMatchObject({ status: 200, headers: { 'content-type': 'application/json' } });
    const taskId = created.json?.data?.['taskId'];
    expect(created.json).toEqual({
      code: 200,
      message: 'success',
      data: { taskId: expect.stringMatching(/^task_\w+$/) },
    });
    expect((await harness.status(String(taskId))).json).toEqual({
      code: 200,
      message: 'success',
      data: { taskId, state: 'pending', createTime: expect.any(Number) },
    });
  });

  it('answers success with a JSON string of URLs, and its times', async () => {
    const harness = await startHarness({ speed: 1_000, generationMs: { 5: [50_000, 70_000] } });
    const before = Date.now();
    const taskId = await harness.createTask('a fox');
    const data = await harness.ended(taskId);
    expect(Object.keys(data)).toEqual(['taskId', 'state', 'resultJson', 'createTime', 'completeTime', 'costTime']);
    expect(JSON.parse(String(data['resultJson']))).toEqual({
      resultUrls: [expect.stringContaining(`${harness.simulator.url}/files/${taskId}/1.mp4?sig=`)],
    });
    const { createTime, completeTime, costTime } = data;
    expect(Math.abs(Number(createTime) - before)).toBeLessThan(1_000);
    expect(Number(completeTime) - Number(createTime)).toBe(costTime);
    expect(costTime).toBeGreaterThanOrEqual(49);
    expect(costTime).toBeLessThanOrEqual(71);
    expect((await harness.status(taskId)).json?.data).toEqual(data);
  });

  it('answers a failed task with its code and message only', async () => {
    const harness = await startHarness();
    const taskId = await harness.createTask('[fail:CONTENT_VIOLATION]');
    expect(await harness.ended(taskId)).toEqual({
      taskId,
      state: 'failed',
      failCode: 'CONTENT_VIOLATION',
      failMsg: 'Content does not meet safety guidelines',
    });
  });

  it('answers errors as {code, message, data: null} with the matching status', async () => {
    const harness = await startHarness();
    const answers = [
      await harness.status('task_of_nobody'),
      await harness.send('GET', '/api/v1/statusTask/kling-2-6'),
      await harness.send('GET', '/api/v1/statusTask/sora-2?taskId=x'),
      await harness.send('POST', '/api/v1/generateTask/sora-2', { body: '{}' }),
      await harness.send('GET', '/api/v1/tasks'),
      await harness.send('GET', '/api/v1/generateTask/kling-2-6'),
      await harness.send('DELETE', '/api/v1/statusTask/kling-2-6?taskId=x'),
    ];
    expect(answers.map(({ status, json: body }) => [status, body])).toEqual([
      [404, { code: 404, message: 'Task not found', data: null }],
      [400, { code: 400, message: 'Invalid parameters: taskId: is required', data: null }],
      [404, { code: 404, message: 'Model not found: sora-2', data: null }],
      [404, { code: 404, message: 'Model not found: sora-2', data: null }],
      [404, { code: 404, message: 'Not found', data: null }],
      [405, { code: 405, message: 'Method not allowed', data: null }],
      [405, { code: 405, message: 'Method not allowed', data: null }],
    ]);
  });
});

describe('keys', () => {
  it('accepts any key unless one is set, but never a missing one', async () => {
    const harness = await startHarness();
    const balance = (headers: Record<string, string>) =>
      harness.send('GET', '/api/v1/apikeys/current-balance', { headers }).then(({ status }) => status);
    expect(await balance({ authorization: 'Bearer whatever' })).toBe(200);
    expect(await balance({})).toBe(401);
    expect(await balance({ authorization: 'Bearer ' })).toBe(401);
    expect(await balance({ authorization: 'Basic abc' })).toBe(401);
    harness.simulator.setKey('right');
    expect(await balance({ authorization: 'Bearer wrong' })).toBe(401);
    expect(await balance({ authorization: 'Bearer right' })).toBe(200);
    harness.simulator.setKey(undefined);
    expect(await balance({ authorization: 'Bearer wrong' })).toBe(200);
    expect(harness.simulator.records.summary().refused.key).toBe(4);
  });
});

const balance = async (harness: Awaited<ReturnType<typeof startHarness>>) =>
  (await harness.send('GET', '/api/v1/apikeys/current-balance')).json;

describe('money', () => {
  it('reports plenty when no balance is set', async () => {
    const harness = await startHarness();
    expect(await balance(harness)).toEqual({ code: 200, message: 'success', data: 1_000_000 });
    await harness.create('a fox');
    expect(harness.simulator.records.summary().spentUsd).toBe(0.25);
  });

  it('charges for a task when it is made, double for 10 s, and refunds a failed one', async () => {
    const harness = await startHarness({ balance: 0.7, price: 0.1 });
    await harness.create('a fox');
    expect((await balance(harness))?.data).toBe(0.6);
    await harness.create('a horse', { duration: 10 });
    expect((await balance(harness))?.data).toBe(0.4);
    await harness.ended(await harness.createTask('[fail:NSFW]'));
    expect((await balance(harness))?.data).toBe(0.4);
    expect(harness.simulator.records.summary()).toMatchObject({
      spentUsd: 0.3,
      tasks: { made: 3, billed: 2, failed: 1 },
    });
  });

  it('refuses while the balance is too low', async () => {
    const harness = await startHarness({ balance: 0.3, price: 0.1 });
    const statuses: number[] = [];
    for (let i = 0; i < 4; i++) statuses.push((await harness.create(`fox ${i}`)).status);
    expect(statuses).toEqual([200, 200, 200, 400]);
    expect((await harness.create('one more')).json).toEqual({ code: 400, message: 'Insufficient credits', data: null });
    expect(harness.simulator.records.summary().refused.credits).toBe(2);
    harness.simulator.setBalance(0.2);
    expect((await harness.create('a long one', { duration: 10 })).status).toBe(200);
    harness.simulator.setBalance(undefined);
    expect((await harness.create('as many as you like')).status).toBe(200);
  });

  it('may have no balance endpoint', async () => {
    const harness = await startHarness({ balanceEndpoint: false });
    expect(await balance(harness)).toEqual({ code: 404, message: 'Not found', data: null });
  });
});

describe('the order of checks', () => {
  const bad = { input: { ...textInput, duration: 7 } };

  it('is limit, key, model, body, credits, tasks in flight', async () => {
    const harness = await startHarness({
      apiKey: 'right',
      maxTasks: 1,
      balance: 0.25,
      generationMs: { 5: [60_000, 60_000] },
    });
    const right = { ...json, authorization: 'Bearer right' };
    const wrong = { ...json, authorization: 'Bearer wrong' };
    expect((await harness.send('POST', '/api/v1/generateTask/sora-2', { headers: wrong, body: '{}' })).status).toBe(
      401,
    );
    expect((await harness.send('POST', '/api/v1/generateTask/sora-2', { headers: right, body: '{}' })).status).toBe(
      404,
    );
    expect((await harness.post({ input: textInput }, { headers: right })).status).toBe(200);
    // Both the balance and the only task are used up.
    expect((await harness.post(bad, { headers: right })).json?.message).toContain('duration');
    expect((await harness.post({ input: textInput }, { headers: right })).json?.message).toBe('Insufficient credits');
    harness.simulator.setBalance(10);
    expect((await harness.post({ input: textInput }, { headers: right })).json?.message).toContain(
      'Concurrent task limit',
    );
  });

  it('puts the request limit before the key', async () => {
    const harness = await startHarness({ apiKey: 'right', maxRequests: 2 });
    const ask = (headers: Record<string, string>) =>
      harness.send('GET', '/api/v1/apikeys/current-balance', { headers }).then(({ status }) => status);
    const wrong = { authorization: 'Bearer wrong' };
    // A request without a key does not count; one with a wrong key does.
    expect([await ask({}), await ask(wrong), await ask(wrong), await ask(wrong), await ask({})]).toEqual([
      401, 401, 401, 429, 401,
    ]);
  });
});
