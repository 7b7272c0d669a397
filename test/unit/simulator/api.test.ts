import { describe, expect, it } from 'vitest';
import { startRig, textInput } from './support.ts';

const json = { 'content-type': 'application/json' };

describe('shapes', () => {
  it('answers a creation and an unfinished task as documented', async () => {
    const rig = await startRig({ generationMs: { 5: [50_000, 50_000] } });
    const created = await rig.create('a fox');
    expect(created).toMatchObject({ status: 200, headers: { 'content-type': 'application/json' } });
    const taskId = created.json?.data?.['taskId'];
    expect(created.json).toEqual({
      code: 200,
      message: 'success',
      data: { taskId: expect.stringMatching(/^task_\w+$/) },
    });
    expect((await rig.status(String(taskId))).json).toEqual({
      code: 200,
      message: 'success',
      data: { taskId, state: 'pending', createTime: expect.any(Number) },
    });
  });

  it('answers success with a JSON string of URLs, and its times', async () => {
    const rig = await startRig({ speed: 1_000, generationMs: { 5: [50_000, 70_000] } });
    const before = Date.now();
    const taskId = await rig.createTask('a fox');
    const data = await rig.ended(taskId);
    expect(Object.keys(data)).toEqual(['taskId', 'state', 'resultJson', 'createTime', 'completeTime', 'costTime']);
    expect(JSON.parse(String(data['resultJson']))).toEqual({
      resultUrls: [expect.stringContaining(`${rig.simulator.url}/files/${taskId}/1.mp4?sig=`)],
    });
    const { createTime, completeTime, costTime } = data;
    expect(Math.abs(Number(createTime) - before)).toBeLessThan(1_000);
    expect(Number(completeTime) - Number(createTime)).toBe(costTime);
    expect(costTime).toBeGreaterThanOrEqual(49);
    expect(costTime).toBeLessThanOrEqual(71);
    expect((await rig.status(taskId)).json?.data).toEqual(data);
  });

  it('answers a failed task with its code and message only', async () => {
    const rig = await startRig();
    const taskId = await rig.createTask('[fail:CONTENT_VIOLATION]');
    expect(await rig.ended(taskId)).toEqual({
      taskId,
      state: 'failed',
      failCode: 'CONTENT_VIOLATION',
      failMsg: 'Content does not meet safety guidelines',
    });
  });

  it('answers errors as {code, message, data: null} with the matching status', async () => {
    const rig = await startRig();
    const answers = [
      await rig.status('task_of_nobody'),
      await rig.send('GET', '/api/v1/statusTask/kling-2-6'),
      await rig.send('GET', '/api/v1/statusTask/sora-2?taskId=x'),
      await rig.send('POST', '/api/v1/generateTask/sora-2', { body: '{}' }),
      await rig.send('GET', '/api/v1/tasks'),
      await rig.send('GET', '/api/v1/generateTask/kling-2-6'),
      await rig.send('DELETE', '/api/v1/statusTask/kling-2-6?taskId=x'),
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
  it('accepts any key unless one is set, and none at all never', async () => {
    const rig = await startRig();
    const balance = (headers: Record<string, string>) =>
      rig.send('GET', '/api/v1/apikeys/current-balance', { headers }).then(({ status }) => status);
    expect(await balance({ authorization: 'Bearer whatever' })).toBe(200);
    expect(await balance({})).toBe(401);
    expect(await balance({ authorization: 'Bearer ' })).toBe(401);
    expect(await balance({ authorization: 'Basic abc' })).toBe(401);
    rig.simulator.setKey('right');
    expect(await balance({ authorization: 'Bearer wrong' })).toBe(401);
    expect(await balance({ authorization: 'Bearer right' })).toBe(200);
    rig.simulator.setKey(undefined);
    expect(await balance({ authorization: 'Bearer wrong' })).toBe(200);
    expect(rig.simulator.records.summary().refused.key).toBe(4);
  });
});

const balance = async (rig: Awaited<ReturnType<typeof startRig>>) =>
  (await rig.send('GET', '/api/v1/apikeys/current-balance')).json;

describe('money', () => {
  it('reports plenty when no balance is set', async () => {
    const rig = await startRig();
    expect(await balance(rig)).toEqual({ code: 200, message: 'success', data: 1_000_000 });
    await rig.create('a fox');
    expect(rig.simulator.records.summary().spentUsd).toBe(0.25);
  });

  it('charges a task when it is made, 10 s twice, and refunds one that fails', async () => {
    const rig = await startRig({ balance: 0.7, price: 0.1 });
    await rig.create('a fox');
    expect((await balance(rig))?.data).toBe(0.6);
    await rig.create('a horse', { duration: 10 });
    expect((await balance(rig))?.data).toBe(0.4);
    await rig.ended(await rig.createTask('[fail:NSFW]'));
    expect((await balance(rig))?.data).toBe(0.4);
    expect(rig.simulator.records.summary()).toMatchObject({ spentUsd: 0.3, tasks: { made: 3, billed: 2, failed: 1 } });
  });

  it('refuses when there is not enough, and goes on when there is', async () => {
    const rig = await startRig({ balance: 0.3, price: 0.1 });
    const statuses: number[] = [];
    for (let i = 0; i < 4; i++) statuses.push((await rig.create(`fox ${i}`)).status);
    expect(statuses).toEqual([200, 200, 200, 400]);
    expect((await rig.create('one more')).json).toEqual({ code: 400, message: 'Insufficient credits', data: null });
    expect(rig.simulator.records.summary().refused.credits).toBe(2);
    rig.simulator.setBalance(0.2);
    expect((await rig.create('a long one', { duration: 10 })).status).toBe(200);
    rig.simulator.setBalance(undefined);
    expect((await rig.create('as many as you like')).status).toBe(200);
  });

  it('can have no balance endpoint', async () => {
    const rig = await startRig({ balanceEndpoint: false });
    expect(await balance(rig)).toEqual({ code: 404, message: 'Not found', data: null });
  });
});

describe('the order of checks', () => {
  const bad = { input: { ...textInput, duration: 7 } };

  it('is limit, key, model, body, credits, tasks in flight', async () => {
    const rig = await startRig({ apiKey: 'right', maxTasks: 1, balance: 0.25, generationMs: { 5: [60_000, 60_000] } });
    const right = { ...json, authorization: 'Bearer right' };
    const wrong = { ...json, authorization: 'Bearer wrong' };
    expect((await rig.send('POST', '/api/v1/generateTask/sora-2', { headers: wrong, body: '{}' })).status).toBe(401);
    expect((await rig.send('POST', '/api/v1/generateTask/sora-2', { headers: right, body: '{}' })).status).toBe(404);
    expect((await rig.post({ input: textInput }, { headers: right })).status).toBe(200);
    // Both the money and the one place are gone now.
    expect((await rig.post(bad, { headers: right })).json?.message).toContain('duration');
    expect((await rig.post({ input: textInput }, { headers: right })).json?.message).toBe('Insufficient credits');
    rig.simulator.setBalance(10);
    expect((await rig.post({ input: textInput }, { headers: right })).json?.message).toContain('Concurrent task limit');
  });

  it('puts the request limit before the key', async () => {
    const rig = await startRig({ apiKey: 'right', maxRequests: 2 });
    const ask = (headers: Record<string, string>) =>
      rig.send('GET', '/api/v1/apikeys/current-balance', { headers }).then(({ status }) => status);
    const wrong = { authorization: 'Bearer wrong' };
    // Without a key there is nobody to count for; a wrong key counts.
    expect([await ask({}), await ask(wrong), await ask(wrong), await ask(wrong), await ask({})]).toEqual([
      401, 401, 401, 429, 401,
    ]);
  });
});
