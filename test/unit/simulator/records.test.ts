import { describe, expect, it } from 'vitest';
import { startHarness, textInput } from './support.ts';

describe('records', () => {
  it('reports each task', async () => {
    const harness = await startHarness();
    const taskId = await harness.createTask('a fox', { duration: 10 }, { provider: 'value' });
    await harness.ended(taskId);
    const { records } = harness.simulator;
    const [task] = records.tasks();
    expect(task).toEqual({
      taskId,
      prompt: 'a fox',
      input: { ...textInput, prompt: 'a fox', duration: 10 },
      provider: 'value',
      callbackUrl: null,
      createdAt: expect.any(Number),
      endsAt: task?.createdAt,
      state: 'success',
      failCode: null,
      firstSeenEndedAt: expect.any(Number),
      firstPolledEndedAt: expect.any(Number),
      billed: true,
      downloads: 0,
    });
    expect(records.task(taskId)).toEqual(task);
    expect(records.task('task_of_nobody')).toBeUndefined();
  });

  it('finds the tasks of a prompt', async () => {
    const harness = await startHarness();
    const ids = [await harness.createTask('fox'), await harness.createTask('horse'), await harness.createTask('fox')];
    const { records } = harness.simulator;
    expect(records.tasksFor('fox').map(({ taskId }) => taskId)).toEqual([ids[0], ids[2]]);
    expect(records.tasksFor('cat')).toEqual([]);
    expect(records.tasks().map(({ taskId }) => taskId)).toEqual(ids);
  });

  it('gives a summary, with times on its own scale', async () => {
    const harness = await startHarness();
    const { records } = harness.simulator;
    expect(records.summary()).toMatchObject({ firstPostAt: null, lastEndAt: null, requests: { total: 0 } });
    expect(Math.abs(records.unixBase + records.now() - Date.now())).toBeLessThan(100);
    const before = records.now();
    await harness.ended(await harness.createTask('fox'));
    await harness.ended(await harness.createTask('[fail:NSFW]'));
    const summary = records.summary();
    expect(summary.tasks).toEqual({
      made: 2,
      inFlight: 0,
      maxInFlight: 1,
      success: 1,
      failed: 1,
      billed: 1,
      forgotten: 0,
    });
    expect(summary.firstPostAt).toBeGreaterThanOrEqual(before);
    expect(summary.lastEndAt).toBe(records.tasks()[1]?.endsAt);
    expect(summary.now).toBeGreaterThanOrEqual(summary.lastEndAt ?? Infinity);
    expect(summary.requests.create).toBe(2);
    expect(summary.maxRequestsInWindow).toBe(summary.requests.total);
  });

  it('counts requests that were refused or destroyed too', async () => {
    const harness = await startHarness({ faults: { down: true } });
    await expect(harness.status('x')).rejects.toThrow('other side closed');
    harness.simulator.setFaults({ down: false });
    await harness.send('GET', '/elsewhere', { headers: {} });
    expect(harness.simulator.records.summary()).toMatchObject({
      requests: { status: 1, other: 1, total: 2 },
      maxRequestsInWindow: 2,
    });
  });
});

describe('over HTTP, without a key', () => {
  const keyless = { headers: {} };

  it('returns the summary, and everything on request', async () => {
    const harness = await startHarness();
    await harness.ended(await harness.createTask('fox'));
    const { records } = harness.simulator;
    const brief: unknown = JSON.parse((await harness.send('GET', '/_simulator/records', keyless)).text);
    expect(brief).toEqual({ ...records.summary(), now: expect.any(Number) });
    const full: unknown = JSON.parse((await harness.send('GET', '/_simulator/records?full=1', keyless)).text);
    expect(full).toMatchObject({ full: { tasks: records.tasks(), deliveries: [], leaks: [] } });
    const one: unknown = JSON.parse((await harness.send('GET', '/_simulator/records?prompt=fox', keyless)).text);
    expect(one).toMatchObject({ tasksOfPrompt: records.tasksFor('fox') });
  });

  it('changes faults', async () => {
    const harness = await startHarness();
    const body = JSON.stringify({ create503: 1 });
    const changed = await harness.send('POST', '/_simulator/faults', { ...keyless, body });
    expect(JSON.parse(changed.text)).toMatchObject({ create503: 1, create500: 0 });
    expect((await harness.create('fox')).status).toBe(503);
    expect(harness.simulator.faults.create503).toBe(1);
    expect(JSON.parse((await harness.send('GET', '/_simulator/faults', keyless)).text)).toEqual(
      harness.simulator.faults,
    );
  });

  it('changes the balance', async () => {
    const harness = await startHarness();
    const set = (body: string) => harness.send('POST', '/_simulator/balance', { ...keyless, body });
    expect((await set('{"balance":0}')).status).toBe(200);
    expect((await harness.create('fox')).json?.message).toBe('Insufficient credits');
    expect((await set('{"balance":null}')).status).toBe(200);
    expect((await harness.create('fox')).status).toBe(200);
  });

  it.each([
    ['/_simulator/faults', '{"create503":7}', 'create503'],
    ['/_simulator/faults', 'no json', 'JSON'],
    ['/_simulator/balance', '{"balance":"much"}', 'balance'],
    ['/_simulator/balance', '{}', 'balance is missing'],
  ])('refuses an invalid %s: %s', async (path, body, message) => {
    const harness = await startHarness();
    const answer = await harness.send('POST', path, { ...keyless, body });
    expect(answer.status).toBe(400);
    expect((JSON.parse(answer.text) as { error: string }).error).toContain(message);
    expect((await harness.create('fox')).status).toBe(200);
  });

  it('answers 404 to other paths', async () => {
    const harness = await startHarness();
    expect((await harness.send('GET', '/_simulator/nothing', keyless)).status).toBe(404);
    expect((await harness.send('POST', '/_simulator/records', keyless)).status).toBe(404);
  });
});
