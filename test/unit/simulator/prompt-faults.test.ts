import { describe, expect, it } from 'vitest';
import { errorCode, startRig, textInput, theOnlyTask, until } from './support.ts';

describe('how a task ends', () => {
  it('[fail:CODE] fails with that code', async () => {
    const rig = await startRig();
    const data = await rig.ended(await rig.createTask('a [fail:SENSITIVE_X] fox'));
    expect(data).toMatchObject({ state: 'failed', failCode: 'SENSITIVE_X', failMsg: 'Generation failed: SENSITIVE_X' });
    expect(theOnlyTask(rig)).toMatchObject({ state: 'failed', failCode: 'SENSITIVE_X', billed: false });
  });

  it('[fail:CODE x2] fails twice for that exact prompt', async () => {
    const rig = await startRig();
    const states: unknown[] = [];
    for (let i = 0; i < 3; i++) {
      states.push((await rig.ended(await rig.createTask('[fail:GENERATION_FAILED x2]')))['state']);
    }
    states.push((await rig.ended(await rig.createTask('another [fail:GENERATION_FAILED x2]')))['state']);
    expect(states).toEqual(['failed', 'failed', 'success', 'failed']);
    expect(rig.simulator.records.summary().faults).toEqual({ 'marker:fail': 3 });
  });

  it('tells nobody of a failure to come', async () => {
    const rig = await startRig({ generationMs: { 5: [60_000, 60_000] } });
    await rig.create('[fail:NSFW]');
    expect(theOnlyTask(rig)).toMatchObject({ state: 'pending', failCode: null, billed: true });
  });

  it('[slow:N] takes N times as long', async () => {
    const rig = await startRig({ generationMs: { 5: [10_000, 10_000] } });
    await rig.create('[slow:2.5]');
    const { createdAt, endsAt } = theOnlyTask(rig);
    expect((endsAt ?? 0) - createdAt).toBeCloseTo(25_000, 6);
  });

  it('[never] never ends', async () => {
    const rig = await startRig();
    const taskId = await rig.createTask('[never]');
    await rig.ended(await rig.createTask('a fox'));
    expect((await rig.status(taskId)).json?.data?.['state']).toBe('processing');
    expect(rig.simulator.records.task(taskId)).toMatchObject({ endsAt: null, state: 'processing' });
  });

  it.each(['capitals', 'completed', 'object', 'array', 'url', 'top', 'videos', 'null', 'other'])(
    '[success:%s] tells of a success in another way, and then as documented',
    async (how) => {
      const rig = await startRig({ generationMs: { 5: [10, 10] } });
      const id = await rig.createTask(`a [success:${how} x1]`);
      await until(rig, () => rig.simulator.records.task(id)?.state === 'success');
      const odd = (await rig.status(id)).json?.data;
      const plain = await rig.ended(id);
      expect(odd).not.toEqual(plain);
      expect(plain).toMatchObject({ taskId: id, state: 'success', resultJson: expect.stringContaining('resultUrls') });
    },
  );

  it.each(['task_id', 'plain', 'nested', 'list', 'code0', 'bare', 'none'])(
    '[id:%s] holds the id of the task in another way, or not at all',
    async (how) => {
      const rig = await startRig();
      const { status, text } = await rig.create(`a [id:${how}]`);
      const { taskId } = theOnlyTask(rig);
      expect(status).toBe(200);
      expect(text.includes(taskId)).toBe(how !== 'none');
      expect(text).not.toBe(JSON.stringify({ code: 200, message: 'success', data: { taskId } }));
    },
  );

  it('[no-url] and [urls:N] give as many URLs', async () => {
    const rig = await startRig();
    expect(await rig.urlsOf('[no-url]')).toEqual([]);
    const urls = await rig.urlsOf('[urls:3]');
    expect(urls.map((url) => /\d\.mp4/.exec(url)?.[0])).toEqual(['1.mp4', '2.mp4', '3.mp4']);
    const bodies = await Promise.all(urls.map((url) => rig.file(url).then(({ text }) => text)));
    expect(new Set(bodies).size).toBe(3);
  });
});

describe('a POST that makes no task', () => {
  it.each([
    ['[http:503 x2]', 503, 503, 'Service temporarily unavailable'],
    ['[http:402 x2]', 402, 402, 'Insufficient balance'],
    ['[code:429 x2]', 200, 429, 'Rate limit exceeded. Wait and retry.'],
  ])('%s answers %i with code %i', async (prompt, status, code, message) => {
    const rig = await startRig();
    for (let i = 0; i < 2; i++) {
      const answer = await rig.create(prompt);
      expect([answer.status, answer.json]).toEqual([status, { code, message, data: null }]);
    }
    expect(rig.simulator.records.tasks()).toEqual([]);
    expect((await rig.create(prompt)).json?.code).toBe(200);
    expect(rig.simulator.records.tasksFor(prompt)).toHaveLength(1);
  });

  it('[reset] resets the connection', async () => {
    const rig = await startRig();
    expect(await errorCode(rig.create('[reset x1]'))).toBe('ECONNRESET');
    expect(rig.simulator.records.tasks()).toEqual([]);
    expect((await rig.create('[reset x1]')).status).toBe(200);
  });
});

describe('a POST that makes a task of which the client is not told', () => {
  it('[lost] resets the connection', async () => {
    const rig = await startRig();
    expect(await errorCode(rig.create('[lost x1]'))).toBe('ECONNRESET');
    expect(theOnlyTask(rig)).toMatchObject({ prompt: '[lost x1]', billed: true });
    expect((await rig.create('[lost x1]')).status).toBe(200);
    expect(rig.simulator.records.tasksFor('[lost x1]')).toHaveLength(2);
  });

  it('[hang] never answers', async () => {
    const rig = await startRig();
    const gone = new AbortController();
    let answered = false;
    const hanging = rig
      .post({ input: { ...textInput, prompt: '[hang]' } }, { signal: gone.signal })
      .finally(() => (answered = true));
    await until(rig, () => rig.simulator.records.tasks()[0]?.state === 'success');
    await rig.create('a fox');
    expect(answered).toBe(false);
    gone.abort();
    await expect(hanging).rejects.toThrow('aborted');
  });

  it('[gateway:502] answers a page of HTML', async () => {
    const rig = await startRig();
    const answer = await rig.create('[gateway:502 x1]');
    expect([answer.status, answer.headers['content-type'], answer.json]).toEqual([502, 'text/html', undefined]);
    expect(answer.text).toContain('502 Bad gateway');
    expect(theOnlyTask(rig)).toMatchObject({ prompt: '[gateway:502 x1]' });
    expect((await rig.create('[gateway:502 x1]')).status).toBe(200);
  });

  it('[garbage] answers 200 with no JSON', async () => {
    const rig = await startRig();
    const answer = await rig.create('[garbage x1]');
    expect([answer.status, answer.json]).toEqual([200, undefined]);
    expect(theOnlyTask(rig)).toMatchObject({ prompt: '[garbage x1]' });
  });
});

it('combines markers of a prompt', async () => {
  const rig = await startRig();
  const prompt = 'a fox [http:500 x1] [lost x1] [fail:GENERATION_FAILED x2]';
  expect((await rig.create(prompt)).status).toBe(500);
  expect(await errorCode(rig.create(prompt))).toBe('ECONNRESET');
  expect((await rig.ended(await rig.createTask(prompt)))['state']).toBe('failed');
  expect((await rig.ended(await rig.createTask(prompt)))['state']).toBe('success');
  expect(rig.simulator.records.tasksFor(prompt).map(({ state }) => state)).toEqual(['failed', 'failed', 'success']);
});
