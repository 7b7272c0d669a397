import { withTimeout } from '../core/timeouts.ts';

/** Body of `/healthz` and `/readyz`, with one reason per fault. */
export interface HealthReport {
  ok: boolean;
  reasons: string[];
}

export interface Health {
  /** Returns whether this process works. Redis is not checked: a restart of this process would not end its outage. */
  alive(): HealthReport;
  /** Returns whether this process can serve: Redis answers, and the process is not draining. */
  ready(): Promise<HealthReport>;
  /** Makes `ready` fail from then on. */
  drain(): void;
  stop(): void;
}

export interface HealthOptions {
  /** Sends a command to Redis; rejects when Redis does not answer. */
  ping: () => Promise<unknown>;
  /** Returns further faults of this process, such as stuck workers. */
  faults?: () => string[];
}

/** Stall of the event loop that counts as a fault, in milliseconds. */
const STALL_MS = 30_000;
/** How long a stall is reported, in milliseconds, so that a probe with a long period detects it. */
const REPORTED_MS = 60_000;
/** Longest wait for Redis, in milliseconds. */
const PING_MS = 1_000;

export function createHealth({ ping, faults }: HealthOptions): Health {
  const loop = watchEventLoop(STALL_MS);
  let draining = false;

  function alive(): HealthReport {
    const stalledAt = loop.stalledAt();
    const stalled = stalledAt !== undefined && performance.now() - stalledAt < REPORTED_MS;
    return report([...(stalled ? [`the event loop was blocked for ${STALL_MS / 1000} s`] : []), ...(faults?.() ?? [])]);
  }

  return {
    alive,
    async ready() {
      const reasons = draining ? ['the process is draining'] : [];
      if (!(await answers(ping))) reasons.push('Redis does not answer');
      return report([...reasons, ...alive().reasons]);
    },
    drain() {
      draining = true;
    },
    stop: () => loop.stop(),
  };
}

async function answers(ping: () => Promise<unknown>): Promise<boolean> {
  return await withTimeout(ping(), { ms: PING_MS }).then(
    () => true,
    () => false,
  );
}

function report(reasons: string[]): HealthReport {
  return { ok: reasons.length === 0, reasons };
}

/** Period of the timer whose lateness shows a stall, in milliseconds. */
const TICK_MS = 1_000;

/** Detects stalls of the event loop, during which the process sends, renews and answers nothing. */
interface EventLoopWatch {
  /** Returns the end of the last stall of at least `stallMs`, as `performance.now`; `undefined` if there was none. */
  stalledAt(): number | undefined;
  stop(): void;
}

function watchEventLoop(stallMs: number): EventLoopWatch {
  let last = performance.now();
  let stalledAt: number | undefined;
  const timer = setInterval(() => {
    const now = performance.now();
    if (now - last >= stallMs) stalledAt = now;
    last = now;
  }, TICK_MS).unref();
  return {
    // After a stall, the caller may run before the late tick does.
    stalledAt: () => (performance.now() - last >= stallMs ? performance.now() : stalledAt),
    stop: () => clearInterval(timer),
  };
}
