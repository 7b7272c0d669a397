import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { request } from 'undici';
import { describe, expect, it, onTestFinished } from 'vitest';
import { callbackUrl } from '../../src/callbacks/path.ts';
import { refOf } from '../../src/ledger/schema/keys.ts';
import { startServer, type RunningServer } from '../../src/server/start-server.ts';
import type { SimulatorOptions } from '../../src/simulator/options.ts';
import { reconcile } from '../../src/worker/maintenance/reconcile.ts';
import { createLogger } from '../../src/core/log.ts';
import { halfOpenProxy } from '../support/half-open-proxy.ts';
import { freePort } from '../support/free-port.ts';
import { clip, clips, startHarness, type Harness } from '../support/harness.ts';
import { privateRedis } from '../support/private-redis.ts';
import { until } from '../support/until.ts';

/** No fallback poll within a test: tasks end by their callbacks. */
const NEVER = { CLIPMILL_POLL_DELAY: '50s', CLIPMILL_POLL_INTERVAL: '5s' };

interface CallbackHarness extends Harness {
  /** Starts another receiver, on another port unless it is the first. */
  serve(): Promise<RunningServer>;
  post(url: string, body?: string): Promise<number>;
  /** Returns the callback URL of an attempt, as sent to the API. */
  urlOf(id: string, attempt?: number): Promise<string>;
}

async function startCallbackHarness(
  simulator: SimulatorOptions = {},
  env: Record<string, string> = {},
  more: Partial<Parameters<typeof startHarness>[0]> = {},
): Promise<CallbackHarness> {
  const port = await freePort();
  const harness = await startHarness({
    simulator: { generationMs: { 5: [100, 200], 10: [100, 200] }, ...simulator },
    env: {
      ...NEVER,
      CLIPMILL_CALLBACK_URL: `http://127.0.0.1:${port}/hooks`,
      CLIPMILL_CALLBACK_LISTEN: `127.0.0.1:${port}`,
      ...env,
    },
    ...more,
  });
  return {
    ...harness,
    async serve() {
      const server = await startServer(harness.app, { listen: undefined });
      onTestFinished(() => server.close());
      return server;
    },
    async post(url, body = '{}') {
      const answer = await request(url, { method: 'POST', body });
      await answer.body.dump();
      return answer.statusCode;
    },
    async urlOf(id, attempt = 1) {
      const secret = (await harness.app.redis.get(harness.app.keys.callbackSecret)) ?? '';
      const options = { prefix: harness.env['CLIPMILL_PREFIX'] ?? '', secrets: [secret] };
      return callbackUrl(harness.env['CLIPMILL_CALLBACK_URL'] ?? '', { batch: 'b', id, attempt }, options);
    },
  };
}

/** Number of GETs of one task. */
const polls = (harness: Harness) => harness.simulator.records.summary().requests.status;

describe('callback mode', () => {
  it('finds every end by its callback, with one POST and one GET a clip', async () => {
    const harness = await startCallbackHarness();
    await harness.serve();
    await harness.work();
    await harness.add('b', clips(30));
    expect((await harness.ended('b')).counts).toMatchObject({ done: 30 });
    const { requests, callbacks } = harness.simulator.records.summary();
    expect(requests).toMatchObject({ create: 30, status: 30 });
    expect(callbacks).toMatchObject({ sent: 30, accepted: 30 });
    const urls = harness.simulator.records.tasks().map((task) => task.callbackUrl);
    expect(new Set(urls).size).toBe(30);
    // On a busy machine, a permit may have come too late, so that this is a later attempt.
    const { attempt } = (await harness.app.queries.item('b', 'clip-7')) ?? {};
    expect(urls).toContain(await harness.urlOf('clip-7', attempt));
  });

  it('has the same result when callbacks are doubled, early, late, long, slow and out of order', async () => {
    const harness = await startCallbackHarness({
      faults: {
        duplicateCallback: 0.5,
        earlyCallback: 0.5,
        delayCallback: 0.5,
        chunkedCallback: 0.5,
        longCallback: 0.2,
        slowCallback: 0.3,
        callbackDelayMs: [0, 400],
      },
    });
    await harness.serve();
    await harness.work();
    await harness.add('b', clips(40));
    expect((await harness.ended('b')).counts).toMatchObject({ done: 40 });
    const { tasks, requests } = harness.simulator.records.summary();
    expect(tasks).toMatchObject({ made: 40, billed: 40 });
    // An early callback triggers a poll, then polls after 1, 2 and 5 s.
    expect(requests.status).toBeLessThan(40 * 5);
  }, 40_000);

  it('continues with the task of a lost answer instead of holding its item', async () => {
    const harness = await startCallbackHarness({ faults: { createLost: 1 } });
    await harness.serve();
    await harness.work();
    await harness.add('b', clips(10));
    await until(() => harness.simulator.records.summary().files.complete >= 10, 'ten clips');
    const batch = await until(async () => {
      const found = await harness.app.queries.batch('b');
      return found?.counts.done === 10 ? found : undefined;
    }, 'ten items done');
    expect(batch).toMatchObject({ counts: { done: 10, held: 0 }, failures: {} });
    expect(harness.simulator.records.summary()).toMatchObject({ requests: { create: 10 }, tasks: { billed: 10 } });
    expect(await harness.app.redis.zcard(harness.app.keys.slots)).toBe(0);
  });

  it('ends the halt for lost answers with the first callback that recovers one', async () => {
    const harness = await startCallbackHarness({ faults: { createLost: 1 } });
    await harness.app.redis.hset(harness.app.keys.limits, 'trialMs', 600_000);
    await harness.work();
    await harness.add('b', clips(40));
    const { halted } = await until(async () => {
      const state = await harness.app.account.read();
      return state.halted ? state : undefined;
    }, 'a halt: no callback arrives yet');
    expect(halted?.reason).toBe('lost-answers');
    const [task] = harness.simulator.records.tasks();
    expect(harness.simulator.records.summary().tasks.made).toBeLessThanOrEqual(10);
    await harness.serve();
    const body = JSON.stringify({ data: { taskId: task?.taskId, state: 'success' } });
    expect(await harness.post(`${task?.callbackUrl}`, body)).toBe(200);
    await until(() => harness.simulator.records.summary().tasks.made === 40, 'the other submissions');
    expect((await harness.app.account.read()).halted).toBeNull();
  });

  it('does not halt for lost answers while callbacks arrive', async () => {
    const harness = await startCallbackHarness({}, { CLIPMILL_MAX_TASKS: '30' });
    await harness.serve();
    await harness.work();
    await harness.add('b', clips(1));
    await harness.ended('b');
    harness.simulator.setFaults({ createLost: 1 });
    await harness.add('c', clips(60, 'more'));
    await until(async () => (await harness.app.queries.batch('c'))?.counts.done === 60, 'sixty clips');
    expect(await harness.app.redis.hget(harness.app.keys.account, 'lastHaltAt')).toBeNull();
    expect(harness.simulator.records.summary().tasks).toMatchObject({ made: 61, billed: 61 });
  });

  it('records the task of an answer that never comes', async () => {
    const harness = await startCallbackHarness({ faults: { createHang: 1 } });
    await harness.serve();
    await harness.work();
    await harness.add('b', clips(3));
    expect((await harness.ended('b')).counts).toMatchObject({ done: 3 });
    expect(harness.simulator.records.summary().requests).toMatchObject({ create: 3, status: 3 });
  });

  it('continues a held item when its callback arrives late', async () => {
    const harness = await startCallbackHarness({ faults: { createLost: 1 } });
    await harness.work();
    await harness.add('b', clips(1));
    expect(await harness.ended('b')).toMatchObject({ counts: { held: 1 }, failures: { CONNECTION_LOST: 1 } });
    await harness.serve();
    const [task] = harness.simulator.records.tasks();
    const body = JSON.stringify({ data: { taskId: task?.taskId, state: 'success' } });
    expect(await harness.post(await harness.urlOf('clip-1'), body)).toBe(200);
    await until(async () => (await harness.app.queries.item('b', 'clip-1'))?.state === 'done', 'the clip');
    expect((await harness.app.queries.batch('b'))?.counts).toMatchObject({ done: 1, held: 0 });
    // After the end, it has no effect.
    const before = polls(harness);
    expect(await harness.post(await harness.urlOf('clip-1'), body)).toBe(200);
    expect(polls(harness)).toBe(before);
    expect(harness.simulator.records.summary()).toMatchObject({ requests: { create: 1 } });
  });

  it('accepts nothing else from a body, and no id of another item', async () => {
    const harness = await startCallbackHarness({ faults: { dropCallback: 1 }, generationMs: { 5: [60_000, 60_000] } });
    await harness.serve();
    await harness.work();
    await harness.add('b', [clip('running'), clip('lost', 'lost [lost]')]);
    await until(async () => (await harness.app.queries.item('b', 'running'))?.state === 'generating', 'a task');
    await until(async () => (await harness.app.queries.item('b', 'lost'))?.state === 'held', 'a held item');
    const taskId = (await harness.app.queries.item('b', 'running'))?.task;
    const body = JSON.stringify({
      code: 200,
      data: { taskId, state: 'success', resultJson: '{"resultUrls":["http://127.0.0.1/evil.mp4"]}' },
    });
    // For a running task: a poll, which finds it running.
    expect(await harness.post(await harness.urlOf('running'), body)).toBe(200);
    await until(() => polls(harness) === 1, 'a poll');
    expect(await harness.post(await harness.urlOf('lost'), body)).toBe(200);
    expect(await harness.app.queries.item('b', 'lost')).toMatchObject({ state: 'held', code: 'CONNECTION_LOST' });
    expect(await harness.app.queries.item('b', 'running')).toMatchObject({ state: 'generating' });
    // Repeated within five seconds: no further polls but those after the first.
    for (let n = 0; n < 20; n += 1) expect(await harness.post(await harness.urlOf('running'), body)).toBe(200);
    expect(polls(harness)).toBeLessThanOrEqual(2);
  });

  it('holds an attempt with a forged id again, until the true id arrives', async () => {
    const harness = await startCallbackHarness({ faults: { createLost: 1, dropCallback: 1 } });
    await harness.work();
    await harness.add('b', clips(1));
    await harness.ended('b');
    await harness.serve();
    expect(await harness.post(await harness.urlOf('clip-1'), '{"taskId":"task_of_nobody"}')).toBe(200);
    await until(() => harness.simulator.records.summary().refused.notFound > 0, 'a poll of it');
    expect(await harness.app.queries.item('b', 'clip-1')).toMatchObject({
      state: 'generating',
      task: 'task_of_nobody',
    });
    const attempt = { batch: 'b', id: 'clip-1', attempt: 1 };
    await harness.app.attempts.held(attempt, { code: 'TASK_UNKNOWN', message: 'unknown' });
    const [task] = harness.simulator.records.tasks();
    expect(await harness.post(await harness.urlOf('clip-1'), JSON.stringify({ taskId: task?.taskId }))).toBe(200);
    await until(async () => (await harness.app.queries.item('b', 'clip-1'))?.state === 'done', 'the clip');
  });

  it('keeps the id of a superseded attempt in its history', async () => {
    const harness = await startCallbackHarness(
      { faults: { dropCallback: 1 }, generationMs: { 5: [60_000, 60_000] } },
      { CLIPMILL_ON_AMBIGUOUS: 'resubmit' },
    );
    await harness.work();
    await harness.add('b', [clip('a', 'a [lost x1]')]);
    await until(async () => (await harness.app.queries.item('b', 'a'))?.attempt === 2, 'a second attempt', 20_000);
    await until(async () => (await harness.app.queries.item('b', 'a'))?.state === 'generating', 'its task');
    await harness.serve();
    const [first] = harness.simulator.records.tasks();
    expect(await harness.post(await harness.urlOf('a', 1), JSON.stringify({ taskId: first?.taskId }))).toBe(200);
    expect((await harness.app.queries.item('b', 'a'))?.history).toMatchObject([{ attempt: 1, task: first?.taskId }]);
    expect(harness.simulator.records.summary().tasks.made).toBe(2);
  }, 30_000);

  it('ignores guessed paths, without a Redis command', async () => {
    const harness = await startCallbackHarness({ faults: { dropCallback: 1 }, generationMs: { 5: [60_000, 60_000] } });
    await harness.serve();
    await harness.work();
    await harness.add('b', clips(1));
    await until(async () => (await harness.app.queries.item('b', 'clip-1'))?.state === 'generating', 'a task');
    const url = await harness.urlOf('clip-1');
    const other = await harness.urlOf('clip-1', 2);
    const mac = other.split('/').at(-1) ?? '';
    const guesses = [
      `${url.slice(0, -3)}AAA`,
      url.replace(/[^/]+$/, mac),
      url.replace('/hooks', ''),
      `${url}/`,
      `${url}?x`,
    ];
    for (const guess of guesses) expect(await harness.post(guess), guess).toBe(404);
    expect(polls(harness)).toBe(0);
  });

  it('finds ends by fallback polls when callbacks are lost, warns once, and polls until they arrive again', async () => {
    const lines: string[] = [];
    const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) });
    const harness = await startCallbackHarness(
      { faults: { dropCallback: 1 } },
      { CLIPMILL_POLL_DELAY: '200ms', CLIPMILL_POLL_INTERVAL: '20ms', CLIPMILL_MAX_TASKS: '20' },
      { log },
    );
    await harness.serve();
    await harness.work();
    await harness.add('b', clips(40));
    expect((await harness.ended('b')).counts).toMatchObject({ done: 40 });
    const warnings = () => lines.filter((line) => line.includes('callbacks do not arrive'));
    expect(warnings()).toHaveLength(1);
    expect(warnings()[0]).toContain('clipmill doctor');
    harness.simulator.setFaults({ dropCallback: 0 });
    await harness.add('c', clips(80, 'more'));
    await harness.ended('c');
    expect(lines.filter((line) => line.includes('callbacks arrive again'))).toHaveLength(1);
    expect(warnings()).toHaveLength(1);
  }, 30_000);

  it('answers 503 while Redis is away, and accepts the retried callback', async () => {
    const redis = await privateRedis();
    const proxy = await halfOpenProxy(redis.port);
    const redisUrl = `redis://127.0.0.1:${proxy.port}`;
    const harness = await startCallbackHarness({ faults: { dropCallback: 1 } }, {}, { redisUrl });
    await harness.serve();
    await harness.work();
    await harness.add('b', clips(1));
    await until(async () => (await harness.app.queries.item('b', 'clip-1'))?.state === 'generating', 'a task');
    const url = await harness.urlOf('clip-1');
    proxy.hangUp();
    await until(async () => (await harness.post(url)) === 503, '503');
    expect(await harness.post(url.slice(0, -1))).toBe(404);
    await proxy.accept();
    await until(async () => (await harness.post(url)) === 200, '200');
    expect((await harness.ended('b')).counts).toMatchObject({ done: 1 });
  }, 30_000);

  it('is completed by reconcile when the process dies between the record and the job', async () => {
    const harness = await startCallbackHarness({ faults: { dropCallback: 1 }, generationMs: { 5: [60_000, 60_000] } });
    await harness.work();
    await harness.add('b', [clip('running'), clip('lost', 'lost [lost]')]);
    await until(async () => (await harness.app.queries.item('b', 'running'))?.state === 'generating', 'a task');
    await until(async () => (await harness.app.queries.item('b', 'lost'))?.state === 'held', 'a held item');
    const [task] = harness.simulator.records.tasksFor('lost [lost]');
    // Only the records that recordHint makes before it wakes or adds a job.
    await harness.app.run('hint', 'b/running', 1, '', '');
    await harness.app.run('hint', 'b/lost', 1, task?.taskId ?? '', 'kling-2-6/5/auto');
    expect(await harness.app.queries.item('b', 'lost')).toMatchObject({ state: 'generating', task: task?.taskId });
    expect(polls(harness)).toBe(0);
    const maxDelayMs = { submit: 3_600_000, poll: 3_600_000, download: 3_600_000 };
    await reconcile({ ...harness.app, maxDelayMs });
    await until(() => polls(harness) >= 2, 'a poll of both');
    expect(harness.simulator.records.summary().tasks.made).toBe(2);
  });

  it('keeps MAC, secret and path out of logs, jobs, events, metrics and manifests', async () => {
    let logged = '';
    const log = createLogger({
      level: 'trace',
      secrets: [],
      destination: { write: (line: string) => void (logged += line) },
    });
    const harness = await startCallbackHarness({ faults: { createLost: 0.5 } }, { CLIPMILL_SIDECAR: 'true' }, { log });
    await harness.serve();
    const workers = await harness.work();
    await harness.add('b', clips(6));
    await until(async () => (await harness.app.queries.batch('b'))?.counts.done === 6, 'six clips');
    const url = await harness.urlOf('clip-1');
    // A failing request may quote its URL.
    log.error({ err: new Error(`POST ${url} failed`) }, `no answer from ${new URL(url).pathname}`);
    const { manifest } = await workers.reports.write('b');
    const secret = (await harness.app.redis.get(harness.app.keys.callbackSecret)) ?? 'none';
    const { registry } = await import('../../src/core/metrics.ts');
    const events = JSON.stringify(await harness.app.redis.xrange(harness.app.keys.events, '-', '+'));
    const item = JSON.stringify(await harness.app.redis.hgetall(harness.app.keys.item(refOf('b', 'clip-1'))));
    const texts = {
      logged,
      events,
      item,
      metrics: await registry.metrics(),
      manifest: await readFile(new URL(manifest), 'utf8'),
      sidecar: await readFile(join(harness.folder, 'videos/clips/clip-1.json'), 'utf8'),
    };
    const [mac = '', ref = ''] = new URL(url).pathname.split('/').toReversed();
    expect(logged).toContain('/cb/1/[secret]');
    for (const [where, text] of Object.entries(texts)) {
      for (const hidden of [mac, ref, secret]) expect(text, where).not.toContain(hidden);
    }
  });
});
