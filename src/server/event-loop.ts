/** The event loop of a process is asked this often, in milliseconds. */
const TICK_MS = 1_000;

/** Notices when the event loop of this process stood still: nothing was sent, renewed or answered then. */
export interface EventLoopWatch {
  /** When it last stood still for `stallMs` or more, in milliseconds of `performance.now`; `undefined`: never. */
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
    // A question that comes before the late tick does has to see it too.
    stalledAt: () => (performance.now() - last >= stallMs ? performance.now() : stalledAt),
    stop: () => clearInterval(timer),
  };
}
