import { appendFile, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Queue } from 'bullmq';
import { describe, expect, it, onTestFinished } from 'vitest';
import { SubmissionLog, readSubmissions } from '../../src/adoption/submission-log.ts';
import { replaySubmissions } from '../../src/adoption/replay-submissions.ts';
import { silentLogger } from '../../src/core/log.ts';
import { expandJobs } from '../../src/jobs/stream.ts';
import { contentHash } from '../../src/ledger/intake.ts';
import { prepareSubmission } from '../../src/operations/prepare.ts';
import { submitJobs } from '../../src/operations/submit.ts';
import { openStorage } from '../../src/storage/open-storage.ts';
import { workFolder } from '../support/cli.ts';
import { oneAttempt, openLedger } from '../support/ledger.ts';
import { clips, startHarness, type Harness } from '../support/harness.ts';
import { until } from '../support/until.ts';

const ids = ['a', 'b', 'c'];
const made = (harness: Harness) => harness.simulator.records.summary().tasks.made;

/** Submits as `run` does. @returns what it printed before anything was sent */
async function submit(harness: Harness, batch: string) {
  const storage = openStorage(harness.app.config);
  const jobs = () =>
    expandJobs(
      ids.map((id) => ({ id, prompt: `a clip called ${id}` })),
      { batch },
      { firstIndex: 1, maxItems: 100, nameFault: () => undefined },
    );
  const prepared = await prepareSubmission(harness.app, storage, [{ header: { batch }, jobs }], 'refuse');
  try {
    await prepared.adopt();
    await submitJobs(harness.app, { batch }, jobs());
    return prepared.previews[0];
  } finally {
    await prepared.close();
    await storage.close();
  }
}

async function forgetAll({ app: { redis, keys } }: Harness): Promise<void> {
  await redis.del(...(await redis.keys(`${keys.prefix}*`)));
}

/** A batch whose tasks are made, in a Redis that then loses all of it, before any manifest is written. */
async function lostBatch(batch: string): Promise<Harness> {
  const harness = await startHarness({ simulator: { generationMs: { 5: [400, 500] } } });
  const workers = await harness.work();
  await submit(harness, batch);
  await until(() => made(harness) === 3, 'three tasks');
  await until(async () => (await harness.app.queries.batch(batch))?.counts.generating === 3, 'three records');
  await workers.drain();
  await forgetAll(harness);
  return harness;
}

describe('a Redis lost before the first manifest of a batch', () => {
  it('costs nothing when the same jobs are submitted again', async () => {
    const harness = await lostBatch('b');
    expect(await submit(harness, 'b')).toMatchObject({ added: 0, underWay: 3 });
    await harness.work();
    expect((await harness.ended('b')).counts).toMatchObject({ total: 3, done: 3 });
    expect(made(harness)).toBe(3);
  });

  it('costs nothing when a producer adds its jobs again', async () => {
    const harness = await lostBatch('b');
    await harness.work();
    const queue = new Queue('submit', { connection: harness.app.redis, prefix: harness.app.keys.tag });
    onTestFinished(() => queue.close());
    const input = { mode: 'text-to-video', duration: 5, sound: true, aspect_ratio: '1:1' };
    for (const id of ids) {
      await queue.add('generate', { batch: 'b', id, input: { ...input, prompt: `a clip called ${id}` } });
    }
    await until(async () => (await harness.app.queries.batch('b'))?.counts.done === 3, 'three clips');
    expect(made(harness)).toBe(3);
  });

  it('costs nothing while the workers live: the next submission uses their logs', async () => {
    // No poll is under way when Redis is lost: its job would be repaired by reconcile, a minute later.
    const harness = await startHarness({ env: { CLIPMILL_POLL_DELAY: '700ms' } });
    await harness.work();
    await submit(harness, 'b');
    await until(() => made(harness) === 3, 'three tasks');
    await forgetAll(harness);
    await submit(harness, 'b');
    expect((await harness.ended('b')).counts).toMatchObject({ total: 3, done: 3 });
    expect(made(harness)).toBe(3);
  });

  it('holds submissions in progress when their process died', async () => {
    const harness = await startHarness();
    const log = new SubmissionLog(harness.app, silentLogger());
    const input = { mode: 'text-to-video', prompt: 'a clip called a', duration: 5, sound: true, aspect_ratio: '1:1' };
    log.posting({ batch: 'b', id: 'a', attempt: 1 }, { provider: 'auto', input });
    log.close();
    expect(await submit(harness, 'b')).toMatchObject({ added: 2, ended: 1 });
    await harness.work();
    expect((await harness.ended('b')).counts).toMatchObject({ total: 3, done: 2, held: 1 });
    expect(await harness.app.queries.item('b', 'a')).toMatchObject({ state: 'held', code: 'LEDGER_LOST' });
  });

  it('pays for an item whose content has changed', async () => {
    const { intake, orphans, queries } = await openLedger();
    const entry = { batch: 'b', id: 'clip-1', attempt: 1, hash: 'other', at: 1, task: 't-1' };
    await orphans.assign([entry]);
    expect(await intake.add('b', { model: 'm' }, clips(1), false)).toMatchObject({ added: 1, resumed: 0 });
    expect((await queries.item('b', 'clip-1'))?.state).toBe('queued');
  });
});

describe('a batch purged after its retention', () => {
  it('finds its clips when it is submitted again', async () => {
    const harness = await startHarness();
    const workers = await harness.work();
    await submit(harness, 'b');
    await harness.ended('b');
    await workers.reports.write('b');
    expect(await harness.app.admin.purge('b', 0)).toBe(0);
    expect(await harness.app.queries.batch('b')).toBeUndefined();
    expect(await submit(harness, 'b')).toMatchObject({ added: 0, stored: 3 });
    expect((await harness.ended('b')).counts).toMatchObject({ total: 3, done: 3 });
    expect(made(harness)).toBe(3);
  });
});

describe('an item of a manifest that waits for another attempt', () => {
  it('keeps the spending of its earlier attempts', async () => {
    const harness = await startHarness();
    const input = { mode: 'text-to-video', prompt: 'a clip called a', duration: 5, sound: true, aspect_ratio: '1:1' };
    const past = { attempt: 1, task: 't-1', postedAt: 1, endedAt: 2, code: 'PROCESSING_TIMEOUT' };
    const row = { id: 'a', state: 'queued', input, output: 'b/a.mp4', attempts: 1, pastAttempts: [past] };
    await mkdir(join(harness.folder, 'videos/b'), { recursive: true });
    await writeFile(join(harness.folder, 'videos/b/manifest.jsonl'), `${JSON.stringify(row)}\n`);
    expect(await submit(harness, 'b')).toMatchObject({ added: 3 });
    expect(await harness.app.queries.batch('b')).toMatchObject({ posted: 1, counts: { queued: 3 } });
    expect(await harness.app.queries.item('b', 'a')).toMatchObject({ attempt: 1, history: [past] });
    expect(await harness.app.redis.hget(harness.app.keys.item('b/a'), 'tasks')).toBe('1');
    await harness.work();
    expect((await harness.ended('b')).counts).toMatchObject({ total: 3, done: 3 });
  });
});

describe('a submission that may have been accepted', () => {
  it('is held even if a promoted server has its item in the queue', async () => {
    const app = await openLedger();
    const attempt = await oneAttempt(app);
    const tried = { ...attempt, tryId: 'before the fail-over' };
    expect(await app.attempts.ambiguous(tried, { code: 'HTTP_504', message: 'x' }, 60_000)).toMatchObject({
      result: 'moved',
      state: 'held',
    });
    expect(await app.queries.batch('b')).toMatchObject({ posted: 1, counts: { held: 1, queued: 0 } });
  });

  it('is not held by a process without its permit', async () => {
    const app = await openLedger();
    const attempt = await oneAttempt(app);
    const reply = await app.attempts.ambiguous(attempt, { code: 'PROCESS_DIED', message: 'x' }, 60_000);
    expect(reply).toMatchObject({ result: 'refused', state: 'queued' });
  });
});

describe('a logged task', () => {
  const logged = (more: object = {}) => {
    const [item] = clips(1);
    const hash = contentHash('auto', JSON.stringify(item?.input));
    return { batch: 'b', id: 'clip-1', attempt: 1, hash, at: Date.now(), task: 't-1', kind: 'k', ...more };
  };

  it('goes to its item if that is queued again, and counts for the budget', async () => {
    const { intake, orphans, queries } = await openLedger();
    await intake.add('b', { model: 'm' }, clips(1), false);
    expect(await orphans.assign([logged()])).toMatchObject({ resumed: [{ id: 'clip-1', attempt: 1 }] });
    expect(await orphans.assign([logged()])).toEqual({ kept: 0, resumed: [], archived: 0 });
    expect(await queries.item('b', 'clip-1')).toMatchObject({ state: 'generating', task: 't-1', attempt: 1 });
    expect(await queries.batch('b')).toMatchObject({ posted: 1, counts: { generating: 1, queued: 0 } });
  });

  it('goes to an item that is held because its process died', async () => {
    const app = await openLedger();
    const attempt = await oneAttempt(app);
    await app.attempts.begin(attempt, 'x', true);
    await app.attempts.ambiguous(attempt, { code: 'PROCESS_DIED', message: 'died' }, 60_000);
    expect((await app.orphans.assign([logged()])).resumed).toHaveLength(1);
    expect(await app.queries.batch('b')).toMatchObject({ posted: 1, counts: { generating: 1, held: 0 } });
  });

  it('is added to the history of an item that has another task', async () => {
    const app = await openLedger();
    const attempt = await oneAttempt(app);
    await app.attempts.begin(attempt, 'x', true);
    await app.attempts.accepted(attempt, { taskId: 't-2', tasks: 1, kind: 'k' });
    for (const archived of [1, 0]) expect(await app.orphans.assign([logged()])).toMatchObject({ archived });
    const item = await app.queries.item('b', 'clip-1');
    expect(item).toMatchObject({ state: 'generating', task: 't-2' });
    expect(item?.history).toMatchObject([{ attempt: 1, task: 't-1', code: 'ORPHANED' }]);
  });

  it('is added to the history of an item whose clip is stored, however long they are', async () => {
    const app = await openLedger();
    const attempt = await oneAttempt(app);
    const taskId = 'task-'.padEnd(120, 'x');
    await app.attempts.begin(attempt, 'x', true);
    await app.attempts.accepted(attempt, { taskId, tasks: 1, kind: 'k' });
    await app.orphans.assign([logged({ task: 't-0' })]);
    await app.attempts.generated(attempt, ['https://example.com/x.mp4'], 1);
    await app.attempts.stored(attempt, { location: 'file:///x.mp4', size: 5, sha256: 'f'.repeat(64) });
    expect(await app.orphans.assign([logged({ task: taskId })])).toMatchObject({ archived: 0 });
    for (const archived of [1, 0]) expect(await app.orphans.assign([logged()])).toMatchObject({ archived });
    const item = await app.queries.item('b', 'clip-1');
    expect(item).toMatchObject({ state: 'done', task: taskId });
    expect(item?.history).toMatchObject([{ task: 't-0' }, { task: 't-1', code: 'ORPHANED' }]);
  });

  it('is read from all files of its prefix and API, except torn lines and refused submissions', async () => {
    const home = await workFolder();
    const folder = join(home, 'submissions');
    const scope = { home, config: { prefix: 'p', baseUrl: 'https://api.example.com' } };
    const log = new SubmissionLog(scope, silentLogger());
    const attempt = (id: string) => ({ batch: 'b', id, attempt: 1 });
    const content = { provider: 'auto', input: { prompt: 'x' } };
    for (const id of ids) log.posting(attempt(id), content);
    log.accepted(attempt('a'), { taskId: 't-1', tasks: 1, kind: 'k' });
    log.refused(attempt('b'));
    log.close();
    await appendFile(join(folder, (await readdir(folder))[0] ?? ''), '{"at":');
    new SubmissionLog({ home, config: { ...scope.config, prefix: 'q' } }, silentLogger()).posting(
      attempt('z'),
      content,
    );
    const files = [];
    for await (const found of readSubmissions(scope)) files.push(found);
    const [file] = files;
    expect(file).toMatchObject([{ id: 'a', task: 't-1' }, { id: 'c' }]);
    expect(file?.[1]).not.toHaveProperty('task');
  });

  it('does not stop submission when the folder is not writable', async () => {
    const home = join(await workFolder(), 'in-the-way');
    await writeFile(home, '');
    const app = { ...(await openLedger()), home };
    const log = new SubmissionLog(app, silentLogger());
    expect(() => log.posting({ batch: 'b', id: 'a', attempt: 1 }, { provider: 'auto', input: {} })).not.toThrow();
    await replaySubmissions(app);
  });
});
