import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maxInWindow } from '../../bench/pacing.ts';
import type { App } from '../../src/app.ts';
import { publishLimits, readUsage } from '../../src/ledger/limits.ts';
import { reserveReply } from '../../src/ledger/request-token.ts';
import { oneAttempt, openLedger } from '../support/ledger.ts';
import { coverage } from '../support/coverage.ts';
import { until } from '../support/until.ts';

type What = 'submit' | 'poll';

/** Reserves a token; returns how long until it may be used, in milliseconds. */
async function waitFor(app: App, what: What): Promise<number> {
  const { waitMs } = reserveReply.parse(await app.run('reserve', what));
  if (waitMs === undefined) throw new Error('no limits are published');
  return waitMs;
}

/** Reserves n tokens; returns when each may be used, by the bucket's clock. */
async function reserve(app: App, n: number, what: What = 'submit'): Promise<number[]> {
  const pipeline = app.redis.pipeline();
  const commands = pipeline as typeof pipeline & Record<string, (prefix: string, what: What) => unknown>;
  for (let at = 0; at < n; at += 1) {
    commands['clipmill:reserve']?.(app.keys.prefix, what);
    pipeline.hget(app.keys.requests, 'last');
  }
  const replies = ((await pipeline.exec()) ?? []).map(([, reply]) => reply);
  return Array.from({ length: n }, (_, at) => {
    const { waitMs } = reserveReply.parse(replies[2 * at]);
    return (waitMs ?? NaN) + Number(replies[2 * at + 1]);
  });
}

/** A limit without tokens at hand: they come one by one. */
const paced = { CLIPMILL_MAX_TASKS: '1' };

/** Milliseconds from one token to the next, of a limit without tokens at hand. */
async function interval(app: App): Promise<number> {
  const [first = 0, second = 0] = await reserve(app, 2);
  return second - first;
}

describe('the request bucket', () => {
  it('never lets more tokens become usable in any window than the limit', async () => {
    const covered = coverage('the request bucket', [
      'tokens',
      'waited',
      'full',
      'unused',
      'holds',
      'changes',
      'setBack',
    ]);
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 50, max: 400 }),
        fc.integer({ min: 1, max: 30 }),
        fc.array(
          fc.record({
            n: fc.integer({ min: 1, max: 12 }),
            what: fc.constantFrom<What>('submit', 'submit', 'poll'),
            pauseMs: fc.constantFrom(0, 0, 0, 3, 10, 30, 90, 300),
            event: fc.constantFrom(
              ...(['none', 'none', 'none', 'none', 'none', 'none', 'none'] as const),
              ...(['refused', 'more-slots', 'set-back', 'item-waits'] as const),
            ),
          }),
          { minLength: 10, maxLength: 40 },
        ),
        async (maxRequests, windowMs, maxTasks, steps) => {
          const app = await openLedger({
            CLIPMILL_MAX_REQUESTS: String(maxRequests),
            CLIPMILL_REQUEST_WINDOW: `${windowMs}ms`,
            CLIPMILL_MAX_TASKS: String(maxTasks),
          });
          const times: number[] = [];
          for (const { n, what, pauseMs, event } of steps) {
            const usable = await reserve(app, n, what);
            if (Number(await app.redis.hget(app.keys.requests, 'unused')) > 0) covered.count('unused');
            covered.count('tokens', n);
            covered.count('waited', usable.filter((time, at) => time > (usable[at - 1] ?? Infinity)).length);
            times.push(...usable);
            if (event === 'refused') {
              await app.account.cool('rate', 20, 0);
              covered.count('holds');
            }
            // Polls then leave tokens to its submission.
            if (event === 'item-waits') await app.redis.zadd(app.keys.handed, 1, 'b/1');
            if (event === 'more-slots') {
              // The paced tokens become fewer and those at hand more, or the other way round.
              await publishLimits(app.run, { ...app.config, maxRequests, maxTasks: (maxTasks * 7) % 31 || 1 });
              covered.count('changes');
            }
            if (event === 'set-back') {
              // The clock of Redis, seen from the bucket, goes back by a second.
              await app.redis.hincrby(app.keys.requests, 'ahead', -1_000);
              covered.count('setBack');
            }
            // The clock of the bucket goes on, which Redis's own need not wait for.
            await app.redis.hincrby(app.keys.requests, 'ahead', pauseMs);
          }
          const most = maxInWindow(times, windowMs);
          if (most === maxRequests) covered.count('full');
          expect(most).toBeLessThanOrEqual(maxRequests);
        },
      ),
      { numRuns: 100, endOnFailure: true },
    );
    covered.report();
  });

  it('lets an idle bucket fill all slots at once, from ten requests a minute up', async () => {
    for (const [maxRequests, maxTasks] of [
      [10, 3],
      [60, 10],
      [10_000, 1_000],
    ]) {
      const app = await openLedger({
        CLIPMILL_MAX_REQUESTS: String(maxRequests),
        CLIPMILL_MAX_TASKS: String(maxTasks),
      });
      const waits = await Promise.all(Array.from({ length: maxTasks ?? 0 }, () => waitFor(app, 'submit')));
      expect(Math.max(...waits), `${maxTasks} slots`).toBe(0);
      // Those beyond them wait for a paced token, not for a whole window.
      const next = await waitFor(app, 'submit');
      expect(next).toBeLessThan(70_000 / (0.7 * (maxRequests ?? 0)));
    }
  });

  it('gives constant demand 97 % of the limit, evenly after the start', async () => {
    for (const what of ['submit', 'poll'] as const) {
      const app = await openLedger({ CLIPMILL_MAX_REQUESTS: '400', CLIPMILL_MAX_TASKS: '40' });
      const times = await reserve(app, 2_000, what);
      const start = times[0] ?? 0;
      const inWindow = (from: number) =>
        times.filter((time) => time >= start + from && time < start + from + 60_000).length;
      // Polls do not reserve tokens at hand ahead of time, and these were all reserved in the same moment.
      if (what === 'submit') expect(inWindow(61_200)).toBeGreaterThanOrEqual(0.97 * 400);
      const gaps = times.toSorted((a, b) => a - b).map((time, at, sorted) => time - (sorted[at - 1] ?? time));
      expect(Math.max(...gaps)).toBeLessThan(200);
    }
  });

  it('returns a token at hand for each paced token that goes unused', async () => {
    const app = await openLedger({
      CLIPMILL_MAX_REQUESTS: '1000',
      CLIPMILL_REQUEST_WINDOW: '10s',
      CLIPMILL_MAX_TASKS: '10',
    });
    const atOnce = async () => {
      const waits = await Promise.all(Array.from({ length: 11 }, () => waitFor(app, 'submit')));
      return waits.filter((wait) => wait === 0).length;
    };
    // A paced token, nine at hand, and none that another one has been used for.
    expect(await atOnce()).toBe(10);
    expect(await app.redis.llen(app.keys.quick)).toBeGreaterThanOrEqual(9);
    // Twenty paced tokens, of which those that were reserved are used.
    await app.clock.sleep(220);
    expect(await atOnce()).toBe(10);
  });

  it('gives polls all tokens at hand while no item waits for its submission', async () => {
    const app = await openLedger({ CLIPMILL_MAX_REQUESTS: '100', CLIPMILL_MAX_TASKS: '11' });
    const waits = await Promise.all(Array.from({ length: 12 }, () => waitFor(app, 'poll')));
    expect(waits.filter((wait) => wait === 0)).toHaveLength(11);
  });

  it('reserves the burst for submissions, and gives polls the rest', async () => {
    const app = await openLedger({ CLIPMILL_MAX_REQUESTS: '100', CLIPMILL_MAX_TASKS: '11' });
    await app.redis.zadd(app.keys.handed, 1, 'b/1');
    await reserve(app, 8);
    // Seven of ten are in use, and as many are kept for the next submissions.
    const polls = await Promise.all(Array.from({ length: 4 }, () => waitFor(app, 'poll')));
    expect(polls.filter((wait) => wait === 0).length).toBeLessThanOrEqual(3);
    const rested = await openLedger({ CLIPMILL_MAX_REQUESTS: '100', CLIPMILL_MAX_TASKS: '11' });
    await rested.redis.zadd(rested.keys.handed, 1, 'b/1');
    const alone = await Promise.all(Array.from({ length: 11 }, () => waitFor(rested, 'poll')));
    // A paced token, then one at hand; the next one at hand comes a tenth of the span later.
    expect(alone.filter((wait) => wait === 0)).toHaveLength(2);
    await rested.redis.hincrby(rested.keys.requests, 'quickPollAt', -61_200 / 10);
    expect(await waitFor(rested, 'poll')).toBe(0);
  });

  it('gives tokens in the order of requests', async () => {
    const app = await openLedger({ ...paced, CLIPMILL_MAX_REQUESTS: '100', CLIPMILL_REQUEST_WINDOW: '10s' });
    const times = await reserve(app, 50);
    expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeGreaterThan(49 * 102 - 20);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
  });

  it('makes no request wait for a clock that was set back', async () => {
    const app = await openLedger({ ...paced });
    const [seconds] = await app.redis.time();
    const hourAhead = (Number(seconds) + 3_600) * 1_000;
    const before = { tat: hourAhead, last: hourAhead, heldUntil: hourAhead - 1, factor: 0.8, factorAt: hourAhead - 1 };
    await app.redis.hset(app.keys.requests, before);
    expect(await waitFor(app, 'submit')).toBeLessThan(1_000);
    expect(Number(await app.redis.hget(app.keys.requests, 'ahead'))).toBeGreaterThan(3_590_000);
    expect(await waitFor(app, 'submit')).toBeLessThan(1_000);
  });

  it('holds all requests back after a 429, once, and is slower for a while', async () => {
    const app = await openLedger({ ...paced, CLIPMILL_MAX_REQUESTS: '1000' });
    const before = await interval(app);
    await Promise.all(Array.from({ length: 20 }, (_, index) => app.account.cool('rate', 5_000, index)));
    const wait = await waitFor(app, 'submit');
    expect(wait).toBeGreaterThan(4_500);
    expect(wait).toBeLessThan(5_500);
    expect((await interval(app)) / before).toBeCloseTo(1.25, 1);
  });

  it('starts slowly after a 429: the burst returns gradually', async () => {
    const app = await openLedger({ CLIPMILL_MAX_REQUESTS: '1000', CLIPMILL_MAX_TASKS: '200' });
    await app.account.cool('rate', 1, 0);
    await app.clock.sleep(5);
    const waits = await Promise.all(Array.from({ length: 50 }, () => waitFor(app, 'submit')));
    expect(Math.max(...waits)).toBeGreaterThan(40 * 61);
    // The rate has recovered a quarter of a window ago: a quarter of them is there.
    await app.redis.hset(app.keys.requests, { tat: 0, factor: 0.8 });
    const last = Number(await app.redis.hget(app.keys.requests, 'last'));
    await app.redis.hset(app.keys.requests, 'factorAt', last - 2 * 60_000 - 15_300);
    const later = await Promise.all(Array.from({ length: 80 }, () => waitFor(app, 'submit')));
    const atOnce = later.filter((wait) => wait === 0).length;
    expect(atOnce).toBeGreaterThanOrEqual(45);
    expect(atOnce).toBeLessThanOrEqual(55);
  });

  it('waits as long as the API asked, however slow it has become', async () => {
    const app = await openLedger();
    for (let overshoot = 1; overshoot <= 12; overshoot += 1) {
      // Each refuses a request that was sent after the hold before it.
      await app.redis.hdel(app.keys.requests, 'heldUntil');
      const [seconds = 0, micros = 0] = (await app.redis.time()).map(Number);
      await app.account.cool('rate', 2_000, 0);
      const [usable] = await reserve(app, 1);
      expect(usable).toBeGreaterThanOrEqual(seconds * 1_000 + Math.floor(micros / 1_000) + 2_000);
    }
    expect(Number(await app.redis.hget(app.keys.requests, 'factor'))).toBeCloseTo(0.1, 2);
  });

  it('recovers its full rate some time after a 429', async () => {
    const app = await openLedger({ ...paced, CLIPMILL_MAX_REQUESTS: '100', CLIPMILL_REQUEST_WINDOW: '300ms' });
    const token = async () => (JSON.parse(String(await app.run('load', '{}'))) as { tokenMs: number }).tokenMs;
    const before = await token();
    await app.account.cool('rate', 1, 0);
    expect(await token()).toBeGreaterThan(before);
    await until(async () => (await token()) === before, 'the full rate');
  });

  it('counts one refusal for all requests that were sent before its hold ended', async () => {
    const app = await openLedger({ CLIPMILL_MAX_REQUESTS: '10' });
    const factor = () => app.redis.hget(app.keys.requests, 'factor');
    await app.account.cool('rate', 5, 0);
    expect(Number(await factor())).toBeCloseTo(0.8);
    await app.clock.sleep(20);
    // Its answer was slow; it was sent before the first was refused.
    await app.account.cool('rate', 5, 1_000);
    expect(Number(await factor())).toBeCloseTo(0.8, 1);
    await app.clock.sleep(20);
    await app.account.cool('rate', 5, 0);
    expect(Number(await factor())).toBeLessThan(0.7);
  });

  it('continues at once when the user resumes or corrects the limits', async () => {
    const app = await openLedger({ ...paced, CLIPMILL_MAX_REQUESTS: '10' });
    await app.account.cool('rate', 3_600_000, 0);
    await app.account.resume();
    expect(await waitFor(app, 'submit')).toBe(0);
    await reserve(app, 100);
    expect(await waitFor(app, 'submit')).toBeGreaterThan(99 * 6_000);
    const corrected = { ...app.config, maxRequests: 10_000 };
    expect(await publishLimits(app.run, corrected)).toEqual(['interval', 'maxRequests']);
    // A hundred were reserved: they last as long as a hundred now do.
    expect(await waitFor(app, 'submit')).toBeLessThan(1_000);
    expect(await publishLimits(app.run, corrected)).toEqual([]);
  });

  it('gives no token during a hold, and stops polls that have one', async () => {
    const app = await openLedger();
    const attempt = await oneAttempt(app);
    await app.attempts.begin(attempt, 't', true);
    await app.attempts.accepted(attempt, { taskId: 'task-1', tasks: 1, kind: 'm/5/auto' });
    expect(await app.attempts.pollPermit(attempt, true)).toMatchObject({ kind: 'go', waitMs: 0 });
    await app.account.cool('rate', 3_600_000, 0);
    const tat = () => app.redis.hget(app.keys.requests, 'tat');
    const held = await tat();
    for (const holding of [false, true]) {
      expect(await app.attempts.pollPermit(attempt, holding)).toEqual({ kind: 'wait', ms: 5_000 });
    }
    expect(await tat()).toBe(held);
    await app.account.resume();
    expect(await app.attempts.pollPermit(attempt, false)).toMatchObject({ kind: 'go', waitMs: 0 });
  });

  it('does not give reserved tokens twice when the user resumes', async () => {
    const app = await openLedger({ ...paced, CLIPMILL_MAX_REQUESTS: '10' });
    const held = await reserve(app, 5);
    await app.account.resume();
    const [next] = await reserve(app, 1);
    expect(next).toBeGreaterThan(held.at(-1) ?? 0);
  });

  it('needs memory only for burst tokens in use', async () => {
    const app = await openLedger({ CLIPMILL_MAX_REQUESTS: '400', CLIPMILL_REQUEST_WINDOW: '300ms' });
    await reserve(app, 150);
    expect(await app.redis.llen(app.keys.quick)).toBeGreaterThan(90);
    await until(async () => (await app.redis.exists(app.keys.quick)) === 0, 'the end of the list');
    expect(Math.max(...(await Promise.all(Array.from({ length: 50 }, () => waitFor(app, 'submit')))))).toBe(0);
  });

  it('counts the tokens of the window', async () => {
    const app = await openLedger();
    await reserve(app, 37);
    const { used } = (await readUsage(app.run, app.config)).requests;
    expect(used).toBeGreaterThanOrEqual(30);
    expect(used).toBeLessThanOrEqual(37);
  });
});
