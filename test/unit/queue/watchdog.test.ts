import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { silentLogger } from '../../../src/core/log.ts';
import type { Processor } from '../../../src/queue/processor.ts';
import { watchProcessor } from '../../../src/queue/watchdog.ts';

const PATIENCE_MS = 45_000;
const CHECK_MS = 5_000;

/** Processors that are idle from their start until they are given a step. */
function watched() {
  vi.useFakeTimers({ toFake: ['performance'] });
  onTestFinished(() => void vi.useRealTimers());
  let backlog = 0;
  const started: { begun: number; movedAt: number }[] = [];
  const start = (): Processor => {
    const state = { begun: 0, movedAt: performance.now() };
    started.push(state);
    return {
      drain: () => Promise.resolve(),
      abandon: () => Promise.resolve(),
      active: () => 0,
      idleMs: () => performance.now() - state.movedAt,
      stepsBegun: () => state.begun,
    };
  };
  const options = {
    queue: 'poll',
    backlog: () => Promise.resolve(backlog),
    patienceMs: PATIENCE_MS,
    log: silentLogger(),
  };
  const watchdog = watchProcessor(start, options);
  return {
    watchdog,
    started,
    setBacklog: (jobs: number) => void (backlog = jobs),
    /** Time passes, with a check every five seconds. */
    pass: async (ms: number) => {
      for (let passed = 0; passed < ms; passed += CHECK_MS) {
        vi.advanceTimersByTime(CHECK_MS);
        await watchdog.check();
      }
    },
    step: () => {
      const current = started.at(-1);
      if (current) Object.assign(current, { begun: current.begun + 1, movedAt: performance.now() });
    },
  };
}

describe('watchProcessor', () => {
  it('replaces a processor that is idle while jobs wait', async () => {
    const { watchdog, started, setBacklog, pass } = watched();
    await pass(600_000);
    expect(started).toHaveLength(1);
    expect(watchdog.stuckMs()).toBe(0);
    setBacklog(3);
    await pass(PATIENCE_MS);
    expect(started).toHaveLength(1);
    await pass(CHECK_MS);
    expect(started).toHaveLength(2);
  });

  it('does not count the time in which no job was due', async () => {
    const { watchdog, started, setBacklog, pass, step } = watched();
    await pass(600_000);
    // The job became due a moment before the check, and is fetched a moment after it.
    setBacklog(1);
    await pass(CHECK_MS);
    expect(watchdog.stuckMs()).toBe(0);
    step();
    setBacklog(0);
    await pass(600_000);
    expect(started).toHaveLength(1);
  });

  it('is stuck while no replacement moves anything', async () => {
    const { watchdog, started, setBacklog, pass } = watched();
    setBacklog(1);
    await pass(40_000);
    expect(started).toHaveLength(1);
    await pass(85_000);
    expect(started.length).toBeGreaterThan(2);
    expect(watchdog.stuckMs()).toBeGreaterThanOrEqual(120_000);
  });

  it('is no longer stuck once a step begins or nothing is due', async () => {
    const { watchdog, setBacklog, pass, step } = watched();
    setBacklog(1);
    await pass(60_000);
    expect(watchdog.stuckMs()).toBeGreaterThan(0);
    step();
    await pass(CHECK_MS);
    expect(watchdog.stuckMs()).toBe(0);
    await pass(60_000);
    expect(watchdog.stuckMs()).toBeGreaterThan(0);
    setBacklog(0);
    await pass(CHECK_MS);
    expect(watchdog.stuckMs()).toBe(0);
  });
});
