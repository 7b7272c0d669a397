import { describe, expect, it, onTestFinished } from 'vitest';
import { UserError } from '../../../src/core/errors.ts';
import { createLogger } from '../../../src/core/log.ts';
import { StorageBreaker } from '../../../src/worker/steps/storage-breaker.ts';
import { StorageError } from '../../../src/storage/storage.ts';
import { until } from '../../support/until.ts';

const outage = new StorageError('no space left', { cure: 'Free some space.' });
const forever = new AbortController().signal;

/** A breaker before a storage that works or not; its sleeps end when the test wakes them. */
function breakerBefore(storage: { works: boolean }) {
  const lines: string[] = [];
  const sleepers: (() => void)[] = [];
  const log = createLogger({
    level: 'info',
    secrets: [],
    destination: { write: (line: string) => void lines.push(line) },
  });
  const check = () =>
    storage.works ? Promise.resolve() : Promise.reject(new UserError('cannot write', { cure: 'Make room.' }));
  const raised = new Set<string>();
  const clock = { now: () => 0, elapsed: () => 0, sleep: () => new Promise<void>((wake) => sleepers.push(wake)) };
  const breaker = new StorageBreaker({
    storage: { check },
    conditions: { raise: (kind) => void raised.add(kind), clear: (kind) => void raised.delete(kind) },
    clock,
    log,
  });
  onTestFinished(() => breaker.close());
  const entered: number[] = [];
  return {
    breaker,
    raised,
    lines,
    entered,
    enter: (n: number) => void breaker.acquire(forever).then(() => entered.push(n)),
    trial: async () => {
      await until(() => sleepers.length > 0);
      sleepers.shift()?.();
      await until(() => sleepers.length > 0 || lines.some((line) => line.includes('continue"')));
    },
  };
}

describe('the breaker before the storage', () => {
  it('stays closed after a failure that a probe does not confirm', async () => {
    const { breaker, lines } = breakerBefore({ works: true });
    expect(await breaker.failure(outage, forever)).toBe(false);
    await breaker.acquire(forever);
    expect(lines).toEqual([]);
  });

  it('opens once, with the cure, allows one try at a time, and closes when one succeeds', async () => {
    const storage = { works: false };
    const { breaker, lines, enter, entered, trial } = breakerBefore(storage);
    expect(
      await Promise.all([
        breaker.failure(outage, forever),
        breaker.failure(outage, forever),
        breaker.failure(outage, forever),
      ]),
    ).toEqual([true, true, true]);
    for (const n of [1, 2, 3]) enter(n);
    await trial();
    expect(entered).toEqual([]);

    storage.works = true;
    await trial();
    expect(entered).toEqual([1]);
    expect(await breaker.failure(outage, forever)).toBe(true);
    enter(1);
    await trial();
    expect(entered).toEqual([1, 2]);
    breaker.success();
    await until(() => entered.length === 4);
    expect(lines).toHaveLength(2);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ level: 'error', cure: expect.any(String) as string });
    expect(lines[1]).toContain('accepts clips again');
  });

  it('opens after three failures in a row even if a probe succeeds', async () => {
    const { breaker } = breakerBefore({ works: true });
    expect(await breaker.failure(outage, forever)).toBe(false);
    breaker.success();
    expect(await breaker.failure(outage, forever)).toBe(false);
    expect(await breaker.failure(outage, forever)).toBe(false);
    expect(await breaker.failure(outage, forever)).toBe(true);
  });

  it('closes by itself when no download waits', async () => {
    const storage = { works: false };
    const { breaker, trial } = breakerBefore(storage);
    await breaker.failure(outage, forever);
    storage.works = true;
    await trial();
    await expect(breaker.acquire(forever)).resolves.toBeUndefined();
  });

  it('ends the wait of a download when the process drains', async () => {
    const { breaker } = breakerBefore({ works: false });
    await breaker.failure(outage, forever);
    const draining = new AbortController();
    const reason = new Error('draining');
    const waiting = breaker.acquire(draining.signal);
    draining.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await expect(breaker.acquire(draining.signal)).rejects.toBe(reason);
    const other = breakerBefore({ works: false });
    await expect(other.breaker.failure(outage, draining.signal)).rejects.toBe(reason);
  });
});
