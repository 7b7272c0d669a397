import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Timeline } from '../../../src/simulator/timeline.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function recording() {
  const timeline = new Timeline(() => Date.now());
  const ran: (string | number)[] = [];
  const note = (name: string | number) => () => void ran.push(name);
  return { timeline, ran, note, start: Date.now() };
}

describe('Timeline', () => {
  it('runs due work by time, then in the order of planning', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 100 }), (waits) => {
        const { timeline, ran, note, start } = recording();
        for (const [i, wait] of waits.entries()) timeline.at(start + wait, note(i));
        vi.advanceTimersByTime(50);
        const expected = [...waits.keys()].toSorted((a, b) => (waits[a] ?? 0) - (waits[b] ?? 0) || a - b);
        expect(ran).toEqual(expected);
        timeline.stop();
      }),
    );
  });

  it('has one timer, for the earliest', () => {
    const { timeline, ran, note } = recording();
    timeline.after(1_000, note('late'));
    timeline.after(10, note('soon'));
    timeline.after(2_000, note('later'));
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(9);
    expect(ran).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(ran).toEqual(['soon']);
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(10_000);
    expect(ran).toEqual(['soon', 'late', 'later']);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('runs due work without its timer', () => {
    const { timeline, ran, note, start } = recording();
    timeline.after(5, note('due'));
    timeline.after(6, note('not due'));
    vi.setSystemTime(start + 5);
    timeline.settle();
    expect(ran).toEqual(['due']);
    vi.advanceTimersByTime(100);
    expect(ran).toEqual(['due', 'not due']);
  });

  it('runs work that is planned while it runs', () => {
    const { timeline, ran, note } = recording();
    timeline.after(1, () => timeline.after(1, note('second')));
    vi.advanceTimersByTime(2);
    expect(ran).toEqual(['second']);
  });

  it('runs nothing at infinity, and nothing after stop', () => {
    const { timeline, ran, note } = recording();
    timeline.at(Infinity, note('never'));
    expect(vi.getTimerCount()).toBe(0);
    timeline.after(1, note('stopped'));
    timeline.stop();
    timeline.after(1, note('after the stop'));
    vi.advanceTimersByTime(10);
    timeline.settle();
    expect(ran).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('waits longer than a single timer can', () => {
    const { timeline, ran, note } = recording();
    timeline.after(3_000_000_000, note('in a month'));
    vi.advanceTimersByTime(2_999_999_999);
    expect(ran).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(ran).toEqual(['in a month']);
  });
});
