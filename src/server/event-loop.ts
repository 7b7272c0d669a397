/** Period of the timer whose lateness shows a stall, in milliseconds. */
const TICK_MS = 1_000;

/** Detects stalls of the event loop of this process, during which nothing was sent, renewed or answered. */
export interface EventLoopWatch {
  /** Returns the end of the last stall of `stallMs` or more, in milliseconds of `performance.now`; `undefined`: none. */
  stalledAt(): number | undefined;
  stop(): void;
}

export function watchEventLoop(stallMs: number): EventLoopWatch {
  let last = performance.now();
  let stalledAt: number | undefined;
  const timer = setInterval(() => {
    const now = performance.now();
    if (now - last >= stallMs) stalledAt = now;
    last = now;
  }, TICK_MS).unref();
  return {
    // The caller may run before the late tick does.
    stalledAt: () => (performance.now() - last >= stallMs ? performance.now() : stalledAt),
    stop: () => clearInterval(timer),
  };
}
