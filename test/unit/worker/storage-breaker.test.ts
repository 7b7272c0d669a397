import { describe, expect, it, onTestFinished } from 'vitest';
import { UserError } from '../../../src/core/errors.ts';
import { createLogger } from '../../../src/core/log.ts';
import { StorageBreaker } from '../../../src/worker/steps/storage-breaker.ts';
import { StorageError } from '../../../src/storage/storage.ts';
import { until } from '../../support/until.ts';

const outage = new StorageError('no space left', { cure: 'Free some space.' });
const forever = new AbortController().signal;

/** A gate before a storage that works or not; time passes when the test says so. */
function gateBefore(storage: { works: boolean }) {
  const lines: string[] = [];
  const sleepers: (() => void)[] = [];
  const log = createLogger({
    level: 'info',
    secrets: [],
    destination: { write: (line: string) => void lines.push(line) },
  });
  const check = () =>
    storage.works ? Promise.resolve() : Promise.reject(new UserError('cannot write', { cure: 'Make room.' }));
  const clock = { now: () => 0, elapsed: () => 0, sleep: () => new Promise<void>((wake) => sleepers.push(wake)) };
  const gate = new StorageBreaker({ storage: { check }, clock, log });
  onTestFinished(() => gate.close());
  const entered: number[] = [];
  return {
    gate,
    lines,
    entered,
    enter: (n: number) => void gate.enter(forever).then(() => entered.push(n)),
    trial: async () => {
      await until(() => sleepers.length > 0);
      sleepers.shift()?.();
      await until(() => sleepers.length > 0 || lines.some((line) => line.includes('go on"')));
    },
  };
}

describe('the gate before the storage', () => {
  it('stays open for bad luck that a probe does not confirm', async () => {
    const { gate, lines } = gateBefore({ works: true });
    expect(await gate.failed(outage, forever)).toBe(false);
    await gate.enter(forever);
    expect(lines).toEqual([]);
  });

  it('shuts once, with the cure, lets one at a time try, and opens when one succeeds', async () => {
    const storage = { works: false };
    const { gate, lines, enter, entered, trial } = gateBefore(storage);
    expect(
      await Promise.all([gate.failed(outage, forever), gate.failed(outage, forever), gate.failed(outage, forever)]),
    ).toEqual([true, true, true]);
    for (const n of [1, 2, 3]) enter(n);
    await trial();
    expect(entered).toEqual([]);

    storage.works = true;
    await trial();
    expect(entered).toEqual([1]);
    expect(await gate.failed(outage, forever)).toBe(true);
    enter(1);
    await trial();
    expect(entered).toEqual([1, 2]);
    gate.worked();
    await until(() => entered.length === 4);
    expect(lines).toHaveLength(2);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ level: 'error', cure: expect.any(String) as string });
    expect(lines[1]).toContain('takes clips again');
  });

  it('shuts after three failures in a row although a probe succeeds', async () => {
    const { gate } = gateBefore({ works: true });
    expect(await gate.failed(outage, forever)).toBe(false);
    gate.worked();
    expect(await gate.failed(outage, forever)).toBe(false);
    expect(await gate.failed(outage, forever)).toBe(false);
    expect(await gate.failed(outage, forever)).toBe(true);
  });

  it('opens by itself when nobody is there to try', async () => {
    const storage = { works: false };
    const { gate, trial } = gateBefore(storage);
    await gate.failed(outage, forever);
    storage.works = true;
    await trial();
    await expect(gate.enter(forever)).resolves.toBeUndefined();
  });

  it('lets go of who is to drain', async () => {
    const { gate } = gateBefore({ works: false });
    await gate.failed(outage, forever);
    const draining = new AbortController();
    const reason = new Error('draining');
    const waiting = gate.enter(draining.signal);
    draining.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await expect(gate.enter(draining.signal)).rejects.toBe(reason);
    const other = gateBefore({ works: false });
    await expect(other.gate.failed(outage, draining.signal)).rejects.toBe(reason);
  });
});
