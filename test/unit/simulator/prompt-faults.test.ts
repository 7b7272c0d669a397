import { describe, expect, it } from 'vitest';
import { errorCode, startHarness, textInput, theOnlyTask, advanceUntil } from './support.ts';

describe('how a task ends', () => {
  it('[fail:CODE] fails with that code', async () => {
    const harness = await startHarness();
    const data = await harness.ended(await harness.createTask('a [fail:SENSITIVE_X] fox'));
    expect(data).toMatchObject({ state: 'failed', failCode: 'SENSITIVE_X', failMsg: 'Generation failed: SENSITIVE_X' });
    expect(theOnlyTask(harness)).toMatchObject({ state: 'failed', failCode: 'SENSITIVE_X', billed: false });
  });

  it('[fail:CODE x2] fails twice for that exact prompt', async () => {
    const harness = await startHarness();
    const states: unknown[] = [];
    for (let i = 0; i < 3; i++) {
      states.push((await harness.ended(await harness.createTask('[fail:GENERATION_FAILED x2]')))['state']);
    }
    states.push((await harness.ended(await harness.createTask('another [fail:GENERATION_FAILED x2]')))['state']);
    expect(states).toEqual(['failed', 'failed', 'success', 'failed']);
    expect(harness.simulator.records.summary().faults).toEqual({ 'marker:fail': 3 });
  });

  it('does not reveal a failure in advance', async () => {
    const harness = await startHarness({ generationMs: { 5: [60_000, 60_000] } });
    await harness.create('[fail:NSFW]');
    expect(theOnlyTask(harness)).toMatchObject({ state: 'pending', failCode: null, billed: true });
  });

  it('[slow:N] takes N times as long', async () => {
    const harness = await startHarness({ generationMs: { 5: [10_000, 10_000] } });
    await harness.create('[slow:2.5]');
    const { createdAt, endsAt } = theOnlyTask(harness);
    expect((endsAt ?? 0) - createdAt).toBeCloseTo(25_000, 6);
  });

  it('[never] never ends', async () => {
    const harness = await startHarness();
    const taskId = await harness.createTask('[never]');
    await harness.ended(await harness.createTask('a fox'));
    expect((await harness.status(taskId)).json?.data?.['state']).toBe('processing');
    expect(harness.simulator.records.task(taskId)).toMatchObject({ endsAt: null, state: 'processing' });
  });

  it.each(['capitals', 'completed', 'object', 'array', 'url', 'top', 'videos', 'null', 'other'])(
    '[success:%s] reports a success in another form, then as documented',
    async (how) => {
      const harness = await startHarness({ generationMs: { 5: [10, 10] } });
      const id = await harness.createTask(`a [success:${how} x1]`);
      await advanceUntil(harness, () => harness.simulator.records.task(id)?.state === 'success');
      const odd = (await harness.status(id)).json?.data;
      const plain = await harness.ended(id);
      expect(odd).not.toEqual(plain);
      expect(plain).toMatchObject({ taskId: id, state: 'success', resultJson: expect.stringContaining('resultUrls') });
    },
  );

  it.each(['task_id', 'plain', 'nested', 'list', 'code0', 'bare', 'none'])(
    '[id:%s] returns the task id in another form, or none',
    async (how) => {
      const harness = await startHarness();
      const { status, text } = await harness.create(`a [id:${how}]`);
      const { taskId } = theOnlyTask(harness);
      expect(status).toBe(200);
      expect(text.includes(taskId)).toBe(how !== 'none');
      expect(text).not.toBe(JSON.stringify({ code: 200, message: 'success', data: { taskId } }));
    },
  );

  it('[no-url] and [urls:N] give as many URLs', async () => {
    const harness = await startHarness();
    expect(await harness.urlsOf('[no-url]')).toEqual([]);
    const urls = await harness.urlsOf('[urls:3]');
    expect(urls.map((url) => /\d\.mp4/.exec(url)?.[0])).toEqual(['1.mp4', '2.mp4', '3.mp4']);
    const bodies = await Promise.all(urls.map((url) => harness.file(url).then(({ text }) => text)));
    expect(new Set(bodies).size).toBe(3);
  });
});

describe('a POST that makes no task', () => {
  it.each([
    ['[http:503 x2]', 503, 503, 'Service temporarily unavailable'],
    ['[http:402 x2]', 402, 402, 'Insufficient balance'],
    ['[code:429 x2]', 200, 429, 'Rate limit exceeded. Wait and retry.'],
  ])('%s answers %i with code %i', async (prompt, status, code, message) => {
    const harness = await startHarness();
    for (let i = 0; i < 2; i++) {
      const answer = await harness.create(prompt);
      expect([answer.status, answer.json]).toEqual([status, { code, message, data: null }]);
    }
    expect(harness.simulator.records.tasks()).toEqual([]);
    expect((await harness.create(prompt)).json?.code).toBe(200);
    expect(harness.simulator.records.tasksFor(prompt)).toHaveLength(1);
  });

  it('[reset] resets the connection', async () => {
    const harness = await startHarness();
    expect(await errorCode(harness.create('[reset x1]'))).toBe('ECONNRESET');
    expect(harness.simulator.records.tasks()).toEqual([]);
    expect((await harness.create('[reset x1]')).status).toBe(200);
  });
});

describe('a POST that makes a task and loses the answer', () => {
  it('[lost] resets the connection', async () => {
    const harness = await startHarness();
    expect(await errorCode(harness.create('[lost x1]'))).toBe('ECONNRESET');
    expect(theOnlyTask(harness)).toMatchObject({ prompt: '[lost x1]', billed: true });
    expect((await harness.create('[lost x1]')).status).toBe(200);
    expect(harness.simulator.records.tasksFor('[lost x1]')).toHaveLength(2);
  });

  it('[hang] never answers', async () => {
    const harness = await startHarness();
    const gone = new AbortController();
    let answered = false;
    const hanging = harness
      .post({ input: { ...textInput, prompt: '[hang]' } }, { signal: gone.signal })
      .finally(() => (answered = true));
    await advanceUntil(harness, () => harness.simulator.records.tasks()[0]?.state === 'success');
    await harness.create('a fox');
    expect(answered).toBe(false);
    gone.abort();
    await expect(hanging).rejects.toThrow('aborted');
  });

  it('[gateway:502] answers a page of HTML', async () => {
    const harness = await startHarness();
    const answer = await harness.create('[gateway:502 x1]');
    expect([answer.status, answer.headers['content-type'], answer.json]).toEqual([502, 'text/html', undefined]);
    expect(answer.text).toContain('502 Bad gateway');
    expect(theOnlyTask(harness)).toMatchObject({ prompt: '[gateway:502 x1]' });
    expect((await harness.create('[gateway:502 x1]')).status).toBe(200);
  });

  it('[garbage] answers 200 with no JSON', async () => {
    const harness = await startHarness();
    const answer = await harness.create('[garbage x1]');
    expect([answer.status, answer.json]).toEqual([200, undefined]);
    expect(theOnlyTask(harness)).toMatchObject({ prompt: '[garbage x1]' });
  });
});

it('combines markers of a prompt', async () => {
  const harness = await startHarness();
  const prompt = 'a fox [http:500 x1] [lost x1] [fail:GENERATION_FAILED x2]';
  expect((await harness.create(prompt)).status).toBe(500);
  expect(await errorCode(harness.create(prompt))).toBe('ECONNRESET');
  expect((await harness.ended(await harness.createTask(prompt)))['state']).toBe('failed');
  expect((await harness.ended(await harness.createTask(prompt)))['state']).toBe('success');
  expect(harness.simulator.records.tasksFor(prompt).map(({ state }) => state)).toEqual(['failed', 'failed', 'success']);
});
