import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { bucketShape } from '../../src/limits/shape.ts';
import type { Runtime } from '../../src/runtime/runtime.ts';
import { openLedger } from '../support/ledger.ts';

const reply = z.tuple([z.coerce.number(), z.coerce.number()]);

async function redisNow(runtime: Runtime): Promise<number> {
  const [seconds, micros] = await runtime.redis.time();
  return Number(seconds) * 1000 + Number(micros) / 1000;
}

/** Reserves n tokens; returns when each may be used, by Redis's clock. */
async function reserve(runtime: Runtime, n: number): Promise<number[]> {
  const [wait, interval] = reply.parse(await runtime.run('reserve', n));
  const now = Number(await runtime.redis.hget(`${runtime.keys.prefix}requests`, 'last'));
  return Array.from({ length: n }, (_, index) => now + Math.max(0, wait + index * interval));
}

describe('the request bucket', () => {
  it('never lets more tokens become usable in any window than the limit', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 50, max: 400 }),
        fc.array(fc.record({ n: fc.integer({ min: 1, max: 5 }), pauseMs: fc.constantFrom(0, 0, 0, 3, 30) }), {
          minLength: 10,
          maxLength: 40,
        }),
        async (maxRequests, windowMs, steps) => {
          const runtime = await openLedger({
            CLIPMILL_MAX_REQUESTS: String(maxRequests),
            CLIPMILL_REQUEST_WINDOW: `${windowMs}ms`,
          });
          const times: number[] = [];
          for (const { n, pauseMs } of steps) {
            times.push(...(await reserve(runtime, n)));
            await runtime.clock.sleep(pauseMs);
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
    const runtime = await openLedger({ CLIPMILL_MAX_REQUESTS: '100', CLIPMILL_REQUEST_WINDOW: '10s' });
    const waits = await Promise.all(Array.from({ length: 50 }, () => reserve(runtime, 1)));
    const times = waits.flat();
    const { intervalMs } = bucketShape(100, 10_000);
    expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeGreaterThan(49 * intervalMs - 20);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
  });

  it('does not make anybody wait out a clock that was set back', async () => {
    const runtime = await openLedger();
    const hourAhead = (await redisNow(runtime)) + 3_600_000;
    await runtime.redis.hset(`${runtime.keys.prefix}requests`, { tat: hourAhead, last: hourAhead });
    const [wait] = reply.parse(await runtime.run('reserve', 1));
    expect(wait).toBeLessThan(1_000);
  });

  it('holds everybody back after a 429, once, and then goes more slowly for a while', async () => {
    const runtime = await openLedger({ CLIPMILL_MAX_REQUESTS: '1000', CLIPMILL_REQUEST_WINDOW: '60s' });
    const [, before] = reply.parse(await runtime.run('reserve', 1));
    await Promise.all(Array.from({ length: 20 }, () => runtime.account.cool('rate', 5_000)));
    const [wait, after] = reply.parse(await runtime.run('reserve', 1));
    expect(wait).toBeGreaterThan(4_000);
    expect(wait).toBeLessThan(6_500);
    expect(after / before).toBeCloseTo(1.25, 1);
  });

  it('counts what was taken in the window', async () => {
    const runtime = await openLedger();
    await reserve(runtime, 37);
    const [, , used] = z.tuple([z.number(), z.number(), z.number()]).parse(await runtime.run('usage'));
    expect(used).toBeGreaterThanOrEqual(30);
    expect(used).toBeLessThanOrEqual(37);
  });
});
