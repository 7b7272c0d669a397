import { expect, it } from 'vitest';
import type { App } from '../../src/app.ts';
import { constants } from '../../src/ledger/schema/constants.ts';
import { openLedger } from '../support/ledger.ts';

const MORE = 3_000;

/** A stream with more entries than are kept, from 1-0 on. */
async function filledLedger(): Promise<App> {
  const app = await openLedger();
  const fill = `for n = 1, ${constants.eventsKept + MORE} do redis.call('XADD', KEYS[1], n .. '-0', 'type', 'item') end`;
  await app.redis.eval(fill, 1, app.keys.events);
  return app;
}

async function oldest({ redis, keys }: App): Promise<number> {
  return Number((await redis.xrange(keys.events, '-', '+', 'COUNT', 1))[0]?.[0].split('-')[0]);
}

it('removes old events beyond the number that is always kept', async () => {
  const app = await filledLedger();
  const removed = await app.admin.trimEvents();
  // Whole blocks of at most 100 entries.
  expect(removed).toBeGreaterThan(MORE - 100);
  expect(await app.redis.xlen(app.keys.events)).toBe(constants.eventsKept + MORE - removed);
  expect(await app.redis.xlen(app.keys.events)).toBeGreaterThanOrEqual(constants.eventsKept);
});

it('keeps events that a consumer group has not acknowledged', async () => {
  const app = await filledLedger();
  const { redis, keys } = app;
  await redis.xgroup('CREATE', keys.events, 'ahead', '$');
  await redis.xgroup('CREATE', keys.events, 'slow', '0');
  expect(await app.admin.trimEvents()).toBe(0);
  await redis.xreadgroup('GROUP', 'slow', 'c', 'COUNT', 1_000, 'STREAMS', keys.events, '>');
  expect(await app.admin.trimEvents()).toBe(0);
  await redis.xack(keys.events, 'slow', ...Array.from({ length: 500 }, (_, index) => `${index + 1}-0`));
  await app.admin.trimEvents();
  expect(await oldest(app)).toBeGreaterThan(1);
  expect(await oldest(app)).toBeLessThanOrEqual(501);
});
