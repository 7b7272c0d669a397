import { describe, expect, it } from 'vitest';
import type { App } from '../../src/app.ts';
import type { Attempt } from '../../src/ledger/attempt.ts';
import { dispatch } from '../../src/ledger/dispatch.ts';
import { oneAttempt, openLedger } from '../support/ledger.ts';

const cause = { code: 'X', message: 'because' };
const task = { taskId: 'task-1', tasks: 1, kind: 'm/5/auto' };

/** Every write of a download step. */
const writes: Record<string, (app: App, attempt: Attempt) => Promise<unknown>> = {
  urlRefused: ({ attempts }, attempt) => attempts.urlRefused(attempt),
  urlDenied: ({ attempts }, attempt) => attempts.urlDenied(attempt),
  nearsEnd: ({ attempts }, attempt) => attempts.nearsEnd(attempt),
  claimOutput: ({ attempts }, attempt) => attempts.claimOutput(attempt, 'b/another.mp4'),
  freshUrls: ({ attempts }, attempt) => attempts.freshUrls(attempt, ['https://example.com/y.mp4']),
  stored: ({ attempts }, attempt) => attempts.stored(attempt, { location: 'x', size: 1, sha256: 'y' }),
  failed: ({ attempts }, attempt) => attempts.failed(attempt, cause),
};

/** An attempt whose clip is being downloaded. */
async function downloadingAttempt(app: App): Promise<Attempt> {
  const attempt = await oneAttempt(app);
  await app.attempts.begin(attempt, 't', true);
  await app.attempts.accepted(attempt, task);
  await app.attempts.generated(attempt, ['https://example.com/x.mp4'], 54_000);
  return attempt;
}

describe.each(Object.entries(writes))('%s of a past attempt', (_name, write) => {
  it('does not bring a purged item back', async () => {
    const app = await openLedger();
    const attempt = await downloadingAttempt(app);
    await app.attempts.failed(attempt, cause);
    expect(await app.admin.purge('b', 0)).toBe(0);
    await write(app, attempt);
    const keys = await app.redis.keys(`${app.keys.prefix}*`);
    expect(keys.filter((key) => /:(item|batch|items|codes|pending):/.test(key))).toEqual([]);
    expect(await app.redis.hgetall(app.keys.outputs)).toEqual({});
  });

  it('does not touch the next attempt', async () => {
    const app = await openLedger();
    const old = await downloadingAttempt(app);
    await app.attempts.failed(old, cause);
    // Its task is known to have failed: a retry makes another.
    await app.redis.hset(app.keys.item('b/clip-1'), 'over', '1');
    await app.admin.retry('b', [old.id], { states: ['failed'] });
    const [next] = (await dispatch(app.run, 1)).attempts;
    if (!next) throw new Error('nothing dispatched');
    await app.attempts.begin(next, 't', true);
    await app.attempts.accepted(next, task);
    await app.attempts.generated(next, ['https://example.com/z.mp4'], 54_000);
    const before = await app.redis.hgetall(app.keys.item('b/clip-1'));
    await write(app, old);
    expect(await app.redis.hgetall(app.keys.item('b/clip-1'))).toEqual(before);
    const names = await app.redis.hkeys(app.keys.outputs);
    expect(names.filter((name) => !name.endsWith('/'))).toHaveLength(1);
  });
});

describe('a late write', () => {
  it('does not recreate a purged batch', async () => {
    const app = await openLedger();
    expect(await app.admin.cancel('gone', ['clip-1'], true)).toEqual({ cancelled: 0, going: 0 });
    expect(await app.admin.retry('gone', ['clip-1'], { states: ['failed'] })).toEqual({ back: 0, poll: [] });
    expect(await app.redis.keys(`${app.keys.prefix}*gone*`)).toEqual([]);
  });

  it('does not purge a batch whose task may still run: its slot would count for the next of that name', async () => {
    const app = await openLedger();
    const attempt = await oneAttempt(app);
    await app.attempts.begin(attempt, 't', true);
    await app.attempts.ambiguous(attempt, cause, 60_000);
    expect(await app.admin.purge('b', 0)).toBe('slots-held');
    await app.redis.zadd(app.keys.slots, 1, `b/clip-1#1`);
    await dispatch(app.run, 1);
    expect(await app.admin.purge('b', 0)).toBe(0);
  });
});

describe('impossible numbers', () => {
  it.each([1e308, Infinity, Number.NaN, -5, 0])('a duration of %s breaks nothing', async (durationMs) => {
    const app = await openLedger();
    const attempt = await oneAttempt(app);
    await app.attempts.begin(attempt, 't', true);
    await app.attempts.accepted(attempt, task);
    expect(await app.attempts.generated(attempt, ['https://example.com/x.mp4'], durationMs)).toMatchObject({
      result: 'moved',
    });
    const bins = Object.keys(await app.redis.hgetall(app.keys.took('m/5/auto')));
    expect(bins.every((bin) => bin === 'n' || bin === '0')).toBe(true);
  });

  it('the load is read despite bins of another program', async () => {
    const app = await openLedger();
    await app.redis.sadd(app.keys.kinds, 'm/5/auto');
    await app.redis.hset(app.keys.took('m/5/auto'), { 35817: 1, '-3': 1, x: 1, 550: 4, n: 7 });
    const load = await app.run('load', JSON.stringify({ 'm/5/auto': [-1e9, 1e9] }));
    expect(JSON.parse(String(load))).toMatchObject({ kinds: [{ kind: 'm/5/auto', took: { 550: 4 }, older: 0 }] });
  });

  it.each([1e308, Infinity, Number.NaN, -5])(
    'requests wait for at most a day when the API asks for %s ms',
    async (ms) => {
      const app = await openLedger();
      const { coolMs } = await app.account.cool('rate', ms, 0);
      expect(coolMs).toBeLessThanOrEqual(24 * 3_600_000);
      expect(coolMs).toBeGreaterThanOrEqual(0);
    },
  );

  it('a reason may contain half a surrogate pair', async () => {
    const app = await openLedger();
    const attempt = await downloadingAttempt(app);
    await app.attempts.failed(attempt, { code: 'BAD\ud800', message: 'x \udfff y 🦊' });
    expect((await app.queries.item('b', 'clip-1'))?.message).toBe('x \ufffd y 🦊');
  });
});
