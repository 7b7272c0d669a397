import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { AdoptedItem } from '../../src/ledger/adoption.ts';
import { StagingTable } from '../../src/ledger/staging.ts';
import { oneAttempt, openLedger } from '../support/ledger.ts';

function adopted(state: AdoptedItem['state'], fields: AdoptedItem['fields']): AdoptedItem {
  return {
    id: state,
    priority: 0,
    provider: 'auto',
    output: `b/${state}.mp4`,
    input: { prompt: state },
    state,
    attempt: 1,
    posted: 1,
    history: [],
    names: [],
    fields,
  };
}

describe('an adopted item', () => {
  it.each(['failed', 'held', 'cancelled'] as const)(
    'that is %s is polled by its known task after a retry',
    async (state) => {
      const app = await openLedger();
      const code = state === 'cancelled' ? {} : { code: 'RESULT_GONE', message: 'gone' };
      await app.adoption.add('b', { model: 'm' }, [adopted(state, { task: 't-1', ...code })], 'close');

      const { back, poll } = await app.admin.retry('b', [state], { states: [state] });
      expect(back).toBe(1);
      expect(poll).toEqual([{ batch: 'b', id: state, attempt: 1 }]);
      const attempt = { batch: 'b', id: state, attempt: 1 };
      expect(await app.attempts.pollPermit(attempt, false)).toMatchObject({ kind: 'go', taskId: 't-1' });
      expect(await app.attempts.generated(attempt, ['https://example.com/a.mp4'], 60_000)).toMatchObject({
        result: 'moved',
      });
      const clip = { location: 'x', size: 1, sha256: 'x' };
      expect(await app.attempts.stored(attempt, clip)).toMatchObject({ result: 'moved' });
      expect((await app.queries.batch('b'))?.counts).toMatchObject({ total: 1, done: 1 });
    },
  );

  it('counts in the totals of the account while it is in progress', async () => {
    const app = await openLedger();
    const item = adopted('generating', { task: 't-1', kind: 'm/5/auto' });
    await app.adoption.add('b', { model: 'm' }, [item], 'close');
    const generating = () => app.redis.hget(app.keys.totals, 'generating');
    expect(await generating()).toBe('1');
    await app.attempts.generated({ batch: 'b', id: 'generating', attempt: 1 }, ['https://example.com/a.mp4'], 60_000);
    expect(await generating()).toBe('0');
  });
});

describe('a table of a comparison', () => {
  it('is kept while it is read, and its absence is an error: its rows would be paid for again', async () => {
    const { redis, keys } = await openLedger();
    const name = randomUUID();
    const table = new StagingTable(redis, { staging: () => keys.staging(name) });
    await table.put([['a', '1']]);
    await redis.expire(keys.staging(name), 5);
    expect(await table.get(['a', 'b'])).toEqual(['1', undefined]);
    expect(await redis.ttl(keys.staging(name))).toBeGreaterThan(5);

    await redis.del(keys.staging(name));
    await expect(table.get(['a'])).rejects.toThrow('Redis has dropped');
  });
});

describe('a task whose permit Redis has forgotten', () => {
  it('counts for the budget of its batch', async () => {
    const app = await openLedger();
    const attempt = await oneAttempt(app);
    const tried = { ...attempt, tryId: 'before the fail-over' };
    expect(await app.attempts.accepted(tried, { taskId: 't-1', tasks: 1, kind: 'k' })).toMatchObject({
      result: 'moved',
    });
    expect((await app.queries.batch('b'))?.posted).toBe(1);
  });

  it('is counted once if its permit is known', async () => {
    const app = await openLedger();
    const attempt = await oneAttempt(app);
    await app.attempts.begin(attempt, 'x', true);
    await app.attempts.accepted({ ...attempt, tryId: 'x' }, { taskId: 't-1', tasks: 1, kind: 'k' });
    expect((await app.queries.batch('b'))?.posted).toBe(1);
  });
});
