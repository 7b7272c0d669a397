import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { reserveReply } from '../../src/ledger/request-token.ts';
import { bucketShape } from '../../src/ledger/bucket.ts';
import { publishLimits, readUsage } from '../../src/ledger/limits.ts';
import type { App } from '../../src/app.ts';
import { oneAttempt, openLedger } from '../support/ledger.ts';
import { until } from '../support/until.ts';

/** Reserves n tokens; returns the wait for the first and the time from one to the next. */
async function take(app: App, n: number): Promise<[waitMs: number, intervalMs: number]> {
  const { waitMs, intervalMs } = reserveReply.parse(await app.run('reserve', n));
  if (waitMs === undefined) throw new Error('no limits are published');
  return [waitMs, intervalMs];
}

async function redisNow(app: App): Promise<number> {
  const [seconds, micros] = await app.redis.time();
  return Number(seconds) * 1000 + Number(micros) / 1000;
}

/** Reserves n tokens; returns when each may be used, by Redis's clock. */
async function reserve(app: App, n: number): Promise<number[]> {
  const [wait, interval] = await take(app, n);
  const now = Number(await app.redis.hget(`${app.keys.prefix}requests`, 'last'));
  return Array.from({ length: n }, (_, index) => now + Math.max(0, wait + index * interval));
}

describe('the request bucket', () => {
  it('never lets more tokens become usable in any window than the limit', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 50, max: 400 }),
        fc.array(
          fc.record({
            n: fc.integer({ min: 1, max: 5 }),
            pauseMs: fc.constantFrom(0, 0, 0, 3, 30),
            refusedForMs: fc.constantFrom(0, 0, 0, 0, 0, 0, 20),
          }),
          { minLength: 10, maxLength: 40 },
        ),
        async (maxRequests, windowMs, steps) => {
          const app = await openLedger({
            CLIPMILL_MAX_REQUESTS: String(maxRequests),
            CLIPMILL_REQUEST_WINDOW: `${windowMs}ms`,
          });
          const times: number[] = [];
          for (const { n, pauseMs, refusedForMs } of steps) {
            times.push(...(await reserve(app, n)));
            if (refusedForMs > 0) await app.account.cool('rate', refusedForMs, 0);
            await app.clock.sleep(pauseMs);
          }
          times.sort((a, b) => a - b);
          for (const [index, time] of times.entries()) {
            const inWindow = times.slice(index).filter((other) => other < time + windowMs).length;
            expect(inWindow).toBeLessThanOrEqual(maxRequests);
          }
        },
      ),
      { numRuns: 25 },
    );
  });

  it('gives tokens in the order in which they were asked for', async () => {
    const app = await openLedger({ CLIPMILL_MAX_REQUESTS: '100', CLIPMILL_REQUEST_WINDOW: '10s' });
    const waits = await Promise.all(Array.from({ length: 50 }, () => reserve(app, 1)));
    const times = waits.flat();
    const { intervalMs } = bucketShape(100, 10_000);
    expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeGreaterThan(49 * intervalMs - 20);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
  });

  it('does not make anybody wait out a clock that was set back', async () => {
    const app = await openLedger();
    const hourAhead = (await redisNow(app)) + 3_600_000;
    const before = { tat: hourAhead, last: hourAhead, heldUntil: hourAhead - 1, factor: 0.8, factorAt: hourAhead - 1 };
    await app.redis.hset(`${app.keys.prefix}requests`, before);
    const [wait] = await take(app, 1);
    expect(wait).toBeLessThan(1_000);
    const after = await app.redis.hgetall(`${app.keys.prefix}requests`);
    for (const name of ['heldUntil', 'factorAt']) expect(Number(after[name])).toBeLessThan(hourAhead - 3_590_000);
  });

  it('holds everybody back after a 429, once, and then goes more slowly for a while', async () => {
    const app = await openLedger({ CLIPMILL_MAX_REQUESTS: '1000', CLIPMILL_REQUEST_WINDOW: '60s' });
    const [, before] = await take(app, 1);
    const from = Math.floor(await redisNow(app));
    await Promise.all(Array.from({ length: 20 }, (_, index) => app.account.cool('rate', 5_000, index)));
    const [usable] = await reserve(app, 1);
    expect(usable).toBeGreaterThanOrEqual(from + 5_000);
    expect(usable).toBeLessThan((await redisNow(app)) + 5_500);
    const [, after] = await take(app, 1);
    expect(after / before).toBeCloseTo(1.25, 1);
  });

  it('waits for as long as it was asked to, however slow it has become', async () => {
    const app = await openLedger();
    for (let overshoot = 1; overshoot <= 12; overshoot += 1) {
      // Each refuses a request that was sent after the hold before it.
      await app.redis.hdel(`${app.keys.prefix}requests`, 'heldUntil');
      // Scripts count in whole milliseconds.
      const from = Math.floor(await redisNow(app));
      await app.account.cool('rate', 2_000, 0);
      const [usable] = await reserve(app, 1);
      expect(usable).toBeGreaterThanOrEqual(from + 2_000);
    }
    expect(Number(await app.redis.hget(`${app.keys.prefix}requests`, 'factor'))).toBeCloseTo(0.1, 2);
  });

  it('has its full rate back a while after a 429', async () => {
    const app = await openLedger({ CLIPMILL_MAX_REQUESTS: '1000', CLIPMILL_REQUEST_WINDOW: '300ms' });
    const [, before] = await take(app, 1);
    await app.account.cool('rate', 1, 0);
    const [, slower] = await take(app, 1);
    expect(slower).toBeGreaterThan(before);
    await until(async () => {
      const [, now] = await take(app, 1);
      expect(now).toBeLessThanOrEqual(slower);
      return now === before;
    }, 'the full rate');
  });

  it('counts a refusal once for all requests that were sent before the hold it led to was over', async () => {
    const app = await openLedger({ CLIPMILL_MAX_REQUESTS: '10' });
    const factor = () => app.redis.hget(`${app.keys.prefix}requests`, 'factor');
    await app.account.cool('rate', 5, 0);
    expect(Number(await factor())).toBeCloseTo(0.8);
    await app.clock.sleep(20);
    // Its answer was slow; it left before the first was refused.
    await app.account.cool('rate', 5, 1_000);
    expect(Number(await factor())).toBeCloseTo(0.8, 1);
    await app.clock.sleep(20);
    await app.account.cool('rate', 5, 0);
    expect(Number(await factor())).toBeLessThan(0.7);
  });

  it('goes on at once when the user says so, and when limits are corrected', async () => {
    const app = await openLedger({ CLIPMILL_MAX_REQUESTS: '10' });
    await app.account.cool('rate', 3_600_000, 0);
    await app.account.resume();
    const [first, interval] = await take(app, 1);
    expect(first).toBeLessThanOrEqual(0);
    const [second] = await take(app, 100);
    expect(second).toBeGreaterThan(0.9 * interval);
    const corrected = { ...app.config, maxRequests: 10_000 };
    expect(await publishLimits(app.run, corrected)).toEqual(['burst', 'interval', 'maxRequests']);
    // A hundred were reserved: they last as long as a hundred now do.
    const [next] = await take(app, 1);
    expect(next).toBeLessThan(1_000);
    expect(await publishLimits(app.run, corrected)).toEqual([]);
  });

  it('gives nothing out behind a hold, to a look that holds a token neither', async () => {
    const app = await openLedger();
    const attempt = await oneAttempt(app);
    await app.attempts.begin(attempt, 't', true);
    await app.attempts.accepted(attempt, { taskId: 'task-1', tasks: 1, kind: 'm/5/auto' });
    expect(await app.attempts.look(attempt, true)).toMatchObject({ kind: 'go', waitMs: 0 });
    await app.account.cool('rate', 3_600_000, 0);
    const tat = () => app.redis.hget(`${app.keys.prefix}requests`, 'tat');
    const held = await tat();
    for (const holding of [false, true]) {
      expect(await app.attempts.look(attempt, holding)).toEqual({ kind: 'wait', ms: 5_000 });
    }
    expect(await tat()).toBe(held);
    await app.account.resume();
    expect(await app.attempts.look(attempt, false)).toMatchObject({ kind: 'go', waitMs: 0 });
  });

  it('does not give out anew what somebody holds when the user says to go on', async () => {
    const app = await openLedger({ CLIPMILL_MAX_REQUESTS: '10' });
    const held = await reserve(app, 5);
    await app.account.resume();
    const [next] = await reserve(app, 1);
    expect(next).toBeGreaterThan(held.at(-1) ?? 0);
  });

  it('counts what was taken in the window', async () => {
    const app = await openLedger();
    await reserve(app, 37);
    const { used } = (await readUsage(app.run, app.config)).requests;
    expect(used).toBeGreaterThanOrEqual(30);
    expect(used).toBeLessThanOrEqual(37);
  });
});
