import { describe, expect, it } from 'vitest';
import { tee, type Reader } from '../../../src/core/tee.ts';

/** A source of numbers from 1, with a count of reads. */
function numbers(last: number) {
  const state = { read: 0, closed: false };
  async function* read() {
    try {
      while (state.read < last) yield (state.read += 1);
    } finally {
      state.closed = true;
    }
  }
  return { state, source: read() };
}

async function all(reader: Reader<number>): Promise<number[]> {
  const seen: number[] = [];
  for await (const value of reader) seen.push(value);
  return seen;
}

describe('tee', () => {
  it('gives every value to both, with one reading', async () => {
    const { state, source } = numbers(100);
    const readers = tee(source);
    const [left, right] = await Promise.all(readers.map(all));
    expect(left).toHaveLength(100);
    expect(right).toEqual(left);
    expect(state).toEqual({ read: 100, closed: true });
  });

  it('reads no further than the slower consumer', async () => {
    const { state, source } = numbers(100);
    const [fast, slow] = tee(source);
    const ahead = all(fast);
    for await (const value of slow) {
      expect(state.read).toBe(value);
      await new Promise(setImmediate);
    }
    expect(await ahead).toHaveLength(100);
  });

  it('continues with one when the other stops, before or after its first value', async () => {
    const [stays, leaves] = tee(numbers(100).source);
    const rest = all(stays);
    await leaves.return();
    await leaves.return();
    expect(await rest).toHaveLength(100);

    const [again, stops] = tee(numbers(100).source);
    const whole = all(again);
    for await (const value of stops) if (value === 10) break;
    expect(await whole).toHaveLength(100);
  });

  it('loses no value when the other stops during a wait', async () => {
    const [stays, leaves] = tee(numbers(100).source);
    const waiting = all(leaves);
    const seen = [(await stays.next()).value];
    // The other reader has requested the second value.
    await new Promise(setImmediate);
    await leaves.return();
    seen.push(...(await all(stays)));
    expect(seen).toEqual(Array.from({ length: 100 }, (_, n) => n + 1));
    expect(await waiting).toEqual([1]);
  });

  it('closes the source when both have stopped', async () => {
    const { state, source } = numbers(100);
    const [left, right] = tee(source);
    const reading = all(left);
    for await (const value of right) if (value === 10) break;
    await left.return();
    expect((await reading).length).toBeGreaterThanOrEqual(10);
    expect(state.closed).toBe(true);
  });

  it('throws the error of the source to both', async () => {
    async function* broken(): AsyncGenerator<number> {
      yield 1;
      throw new Error('no Redis');
    }
    const ends = await Promise.allSettled(tee(broken()).map(all));
    expect(ends.map((end) => end.status === 'rejected' && String(end.reason))).toEqual(
      Array(2).fill('Error: no Redis'),
    );
  });
});
