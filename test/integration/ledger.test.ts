import { describe, expect, it } from 'vitest';
import { createAttempts, type Attempt, type Attempts } from '../../src/ledger/attempts.ts';
import { dispatch } from '../../src/ledger/dispatch.ts';
import { purgeEndedBatches } from '../../src/worker/maintenance/maintenance-tasks.ts';
import type { App } from '../../src/app.ts';
import { oneAttempt, openLedger } from '../support/ledger.ts';
import { clips } from '../support/harness.ts';

const cause = { code: 'X', message: 'because' };

/** Attempts that keep what they dispatch instead of adding jobs. */
function recording(app: App): { attempts: Attempts; dispatched: Attempt[] } {
  const dispatched: Attempt[] = [];
  const attempts = createAttempts({ ...app, onDispatched: async (given) => void dispatched.push(...given) });
  return { attempts, dispatched };
}

describe('the ledger', () => {
  it('assigns no more slots than there are, to the batch with the fewest', async () => {
    const app = await openLedger({ CLIPMILL_MAX_TASKS: '10' });
    await app.intake.add('large', { model: 'm' }, clips(50, 'large'), false);
    const first = await dispatch(app.run, 100);
    expect(first.attempts).toHaveLength(10);
    await app.intake.add('small', { model: 'm' }, clips(3, 'small'), false);
    const { attempts, dispatched } = recording(app);
    for (const attempt of first.attempts.slice(0, 5)) {
      await attempts.begin(attempt, 't', true);
      await attempts.rejected(attempt, cause);
    }
    expect(dispatched.map(({ batch }) => batch)).toEqual(['small', 'small', 'small', 'large', 'large']);
  });

  it('gives one permit to post, and recognizes a repeated request', async () => {
    const app = await openLedger();
    const attempt = await oneAttempt(app);
    expect(await app.attempts.begin(attempt, 'mine', true)).toMatchObject({ kind: 'go', tasks: 0 });
    // Redis's answer was lost and the command sent again: still the same try.
    expect(await app.attempts.begin(attempt, 'mine', true)).toMatchObject({ kind: 'go' });
    // Another try finds it submitting: the first one may have posted.
    expect(await app.attempts.begin(attempt, 'other', true)).toEqual({ kind: 'unknown', tasks: 0 });
  });

  it('never exceeds the budget, however many processes request permits at once', async () => {
    const app = await openLedger();
    await app.intake.add('b', { model: 'm', maxClips: 7 }, clips(40), false);
    const { attempts } = await dispatch(app.run, 100);
    const replies = await Promise.all(attempts.map((attempt) => app.attempts.begin(attempt, 't', true)));
    expect(replies.filter(({ kind }) => kind === 'go')).toHaveLength(7);
    expect(replies.filter(({ kind }) => kind === 'over-budget')).toHaveLength(33);
    expect((await app.queries.batch('b'))?.failures).toEqual({ BUDGET: 33 });
  });

  it('removes a budget only by `none` from the source that set it', async () => {
    const app = await openLedger();
    const add = (facts: object) => app.intake.add('b', { model: 'm', ...facts }, clips(1), false);
    const budget = async () => (await app.queries.batch('b'))?.maxClips;
    await add({ maxClips: 7, source: 'a.yaml' });
    await expect(add({ maxClips: 'none', source: 'b.yaml' })).rejects.toThrow('a budget of 7 from a.yaml');
    await expect(add({ maxClips: 'none' })).rejects.toThrow('a budget of 7 from a.yaml');
    await add({ source: 'a.yaml' });
    expect(await budget()).toBe(7);
    await add({ maxClips: 'none', source: 'a.yaml' });
    expect(await budget()).toBeNull();
    await add({ maxClips: 9, source: 'b.yaml' });
    expect(await budget()).toBe(9);
  });

  it('returns a clip to the budget when the submission was certainly not accepted', async () => {
    const app = await openLedger();
    await app.intake.add('b', { model: 'm', maxClips: 1 }, clips(1), false);
    const { attempts, dispatched } = recording(app);
    let [attempt] = (await dispatch(app.run, 1)).attempts;
    for (let round = 0; round < 3; round += 1) {
      if (!attempt) throw new Error('nothing dispatched');
      expect(await app.attempts.begin(attempt, 't', true)).toMatchObject({ kind: 'go' });
      // The slot it frees goes to the next item, which is itself.
      await attempts.notAccepted(attempt, 1, 0);
      attempt = dispatched.pop();
    }
  });

  it('keeps the slot of an ambiguous submission, and records its late answer', async () => {
    const app = await openLedger({ CLIPMILL_MAX_TASKS: '1' });
    await app.intake.add('b', { model: 'm' }, clips(2), false);
    const [attempt] = (await dispatch(app.run, 10)).attempts;
    if (!attempt) throw new Error('nothing dispatched');
    await app.attempts.begin(attempt, 't', true);
    await app.attempts.ambiguous(attempt, cause, 60_000);
    expect((await dispatch(app.run, 10)).attempts).toEqual([]);
    expect(await app.attempts.accepted(attempt, { taskId: 'task-9', tasks: 1, kind: 'm/5/auto' })).toMatchObject({
      result: 'moved',
      state: 'generating',
    });
    expect(await app.queries.item('b', attempt.id)).toMatchObject({ state: 'generating', task: 'task-9' });
  });

  it('records the answer of a requeued attempt, and does not post it again', async () => {
    const app = await openLedger({ CLIPMILL_MAX_TASKS: '2' });
    const { attempts, dispatched } = recording(app);
    const attempt = await oneAttempt(app);
    for (const delayMs of [0, 60_000]) {
      await app.attempts.begin(attempt, 't', true);
      await app.attempts.resubmit(attempt, cause, 60_000, { tasks: 1, delayMs });
      // Its slot must not count as idle: the task may be running.
      expect(await app.run('sweep')).toBe(0);
      const late = { taskId: 'task-9', tasks: 1, kind: 'm/5/auto' };
      expect(await app.attempts.accepted(attempt, late)).toMatchObject({ result: 'moved', state: 'generating' });
      expect((await dispatch(app.run, 10)).attempts).toEqual([]);
      const slots = await app.redis.zrange(app.keys.slots, '0', '-1', 'WITHSCORES');
      expect(slots).toEqual([`b/clip-1#${attempt.attempt}`, expect.any(String)]);
      const [seconds] = await app.redis.time();
      expect(Number(slots[1])).toBeGreaterThan(Number(seconds) * 1_000 + 1_000_000);
      // The slot it frees goes to the next item, which is itself.
      await attempts.taskFailedAgain(attempt, cause, 0);
      Object.assign(attempt, dispatched.pop());
    }
  });

  it('keeps the slot of a submission whose item is cancelled, and records its answer: the task is paid for', async () => {
    const app = await openLedger();
    const attempt = await oneAttempt(app);
    await app.attempts.begin(attempt, 't', true);
    await app.attempts.resubmit(attempt, cause, 60_000, { tasks: 1, delayMs: 0 });
    await app.admin.cancel('b', ['clip-1'], false);
    expect(await app.run('sweep')).toBe(0);
    expect(await app.redis.zcard(app.keys.slots)).toBe(1);
    const late = { taskId: 'task-9', tasks: 1, kind: 'm/5/auto' };
    expect(await app.attempts.accepted(attempt, late)).toMatchObject({ result: 'moved', state: 'generating' });
    expect((await app.queries.batch('b'))?.endedAt).toBeNull();
  });

  it('dispatches items again soon when their jobs are lost', async () => {
    const app = await openLedger({ CLIPMILL_MAX_REQUESTS: '100' });
    await app.intake.add('b', { model: 'm' }, clips(100), false);
    const lost = (await dispatch(app.run, 100)).attempts;
    expect(lost.length).toBeLessThan(100);
    expect((await dispatch(app.run, 100)).attempts).toEqual([]);
    const [seconds] = await app.redis.time();
    for (const { batch, id } of lost) {
      await app.redis.zadd(app.keys.handed, (Number(seconds) - 100) * 1_000, `${batch}/${id}`);
    }
    expect((await dispatch(app.run, 100)).attempts).toHaveLength(lost.length);
  });

  it('does not end a halt by a submission from before it, nor by an accepted one', async () => {
    const app = await openLedger();
    await app.intake.add('b', { model: 'm' }, clips(2), false);
    const [before, after] = (await dispatch(app.run, 2)).attempts;
    if (!before || !after) throw new Error('nothing dispatched');
    const task = { taskId: 't', tasks: 1, kind: 'm/5/auto' };
    await app.attempts.begin(before, 't', true);
    await app.clock.sleep(5);
    await app.account.halt('no-credit', 'no credit');
    await app.attempts.accepted(before, task);
    await app.attempts.generated(before, ['https://example.com/x.mp4'], 50_000);
    expect((await app.account.read()).halted).toMatchObject({ reason: 'no-credit' });
    // The one submission that tries.
    await app.redis.hset(app.keys.account, 'trial', `b/${after.id}#1`);
    expect(await app.attempts.begin(after, 't', true)).toMatchObject({ kind: 'go' });
    await app.attempts.accepted(after, task);
    expect((await app.account.read()).halted).toMatchObject({ reason: 'no-credit' });
    await app.attempts.generated(after, ['https://example.com/y.mp4'], 50_000);
    expect((await app.account.read()).halted).toBeNull();
  });

  it('gives no slot to a batch without budget', async () => {
    const app = await openLedger({ CLIPMILL_MAX_TASKS: '5' });
    await app.intake.add('spent', { model: 'm', maxClips: 1 }, clips(300, 'spent'), false);
    await app.intake.add('rich', { model: 'm' }, clips(10, 'rich'), false);
    const [first] = (await dispatch(app.run, 1)).attempts;
    if (!first) throw new Error('nothing dispatched');
    expect(first.batch).toBe('spent');
    await app.attempts.begin(first, 't', true);
    const next = (await dispatch(app.run, 4)).attempts;
    expect(next.map(({ batch }) => batch)).toEqual(['rich', 'rich', 'rich', 'rich']);
    expect((await app.queries.batch('spent'))?.failures['BUDGET']).toBeGreaterThan(0);
  });

  it('forgets learned times that have not occurred for long', async () => {
    const app = await openLedger();
    const attempt = await oneAttempt(app);
    const took = `${app.keys.prefix}took:m/5/auto`;
    await app.redis.hset(took, { 500: 1, 550: 1998, n: 1999 });
    await app.attempts.begin(attempt, 't', true);
    await app.attempts.accepted(attempt, { taskId: 'task-1', tasks: 1, kind: 'm/5/auto' });
    await app.attempts.generated(attempt, ['https://example.com/x.mp4'], 54_000);
    expect(await app.redis.hgetall(took)).toEqual({ 550: '999', n: '1000' });
  });

  it('restarts the count of answers without a URL after a fresh URL and after a retry', async () => {
    const app = await openLedger();
    const { attempts, admin } = app;
    const attempt = await oneAttempt(app);
    await attempts.begin(attempt, 't', true);
    await attempts.accepted(attempt, { taskId: 'task-1', tasks: 1, kind: 'm/5/auto' });
    await attempts.generated(attempt, ['https://example.com/x.mp4'], 54_000);
    expect(await attempts.urlDenied(attempt)).toBe(1);
    expect(await attempts.urlDenied(attempt)).toBe(2);
    await attempts.freshUrls(attempt, ['https://example.com/y.mp4']);
    expect(await attempts.urlDenied(attempt)).toBe(1);
    await attempts.failed(attempt, { code: 'RESULT_GONE', message: 'gone' });
    // The API is asked for the task that was paid for before another one is made.
    expect(await admin.retry('b', [attempt.id], { states: ['failed'] })).toMatchObject({ back: 1, poll: [attempt] });
    expect(await attempts.pollPermit(attempt, true)).toMatchObject({ kind: 'go', taskId: 'task-1', retried: true });
    await attempts.generated(attempt, ['https://example.com/z.mp4'], 50_000);
    expect(await attempts.urlDenied(attempt)).toBe(1);
  });

  it('adds nothing when a file is added again, and reports changed jobs', async () => {
    const app = await openLedger();
    const items = clips(5);
    const facts = { model: 'm' };
    expect(await app.intake.add('b', facts, items, false)).toMatchObject({ added: 5, existing: 0 });
    const edited = items.map((item, index) => (index === 2 ? { ...item, input: { prompt: 'other' } } : item));
    expect(await app.intake.add('b', facts, edited, false)).toMatchObject({
      added: 0,
      existing: 5,
      changed: ['clip-3'],
    });
    expect((await app.queries.batch('b'))?.counts.total).toBe(5);
  });

  it('refuses an output name that belongs to another item', async () => {
    const app = await openLedger();
    await app.intake.add('b', { model: 'm' }, clips(1), false);
    const report = await app.intake.add('c', { model: 'm' }, clips(1), false);
    expect(report).toMatchObject({ added: 0, taken: [{ id: 'clip-1', owner: 'b/clip-1' }] });
  });

  it('purges an old batch with its names', async () => {
    const app = await openLedger();
    await app.intake.add('b', { model: 'm' }, clips(3), false);
    await app.admin.cancel('b', ['clip-1', 'clip-2', 'clip-3'], false);
    expect(await app.admin.purge('b', 60_000)).toBe('too-young');
    expect(await app.admin.purge('b', 0)).toBe(0);
    const left = await app.redis.keys(`${app.keys.prefix}*`);
    expect(left.filter((key) => /:(item|items|batch|pending|codes):/.test(key))).toEqual([]);
    expect(await app.redis.hlen(app.keys.outputs)).toBe(0);
  });

  it('keeps correct counts when a batch is submitted to while it is purged', async () => {
    const app = await openLedger();
    const items = clips(300);
    await app.intake.add('b', { model: 'm' }, items, false);
    await app.admin.cancel(
      'b',
      items.map(({ id }) => id),
      false,
    );
    expect(await app.admin.purge('b', 0)).toBe(100);
    expect(await app.intake.add('b', { model: 'm' }, items, false)).toMatchObject({ added: 200, existing: 100 });
    expect(await app.admin.purge('b', 0)).toBe('too-young');
    const batch = await app.queries.batch('b');
    expect(batch?.counts).toMatchObject({ total: 300, queued: 200, cancelled: 100 });
  });

  it('purges batches by age, the oldest first and none within the retention', async () => {
    const app = await openLedger();
    for (const batch of ['old', 'young']) {
      await app.intake.add(batch, { model: 'm' }, clips(2, batch), false);
      await app.admin.cancel(batch, [`${batch}-1`, `${batch}-2`], false);
    }
    const [seconds] = await app.redis.time();
    await app.redis.zadd(app.keys.ended, (Number(seconds) - 61) * 1_000, 'old');
    await purgeEndedBatches({ ...app, config: { retentionMs: 60_000 } });
    expect((await app.queries.batches()).map(({ batch }) => batch)).toEqual(['young']);
  });
});
