import { setTimeout as sleep } from 'node:timers/promises';

/** Body of `/healthz` and `/readyz`: each of `reasons` names one fault. */
export interface HealthReport {
  ok: boolean;
  reasons: string[];
}

export interface Health {
  /** Returns whether this process works. Redis is not asked: a restart does not end its outage. */
  alive(): HealthReport;
  /** Returns whether this process can serve now: Redis answers, and the process is not about to end. */
  ready(): Promise<HealthReport>;
  /** Makes `ready` fail from now on. */
  drain(): void;
  stop(): void;
}

export interface HealthOptions {
  /** Sends a command to Redis; rejects when Redis does not answer. */
  ping: () => Promise<unknown>;
  /** Returns further faults of this process, such as stuck workers. */
  faults?: () => string[];
}

/** A blocked event loop of this length is a fault, in milliseconds: everything that was due was late by as much. */
const STALL_MS = 30_000;
/** A stall is reported for this long, in milliseconds, so that a probe with a long period sees it. */
const REPORTED_MS = 60_000;
/** Longest wait for Redis, in milliseconds. */
const PING_MS = 1_000;

export function createHealth({ ping, faults }: HealthOptions): Health {
  const loop = watchEventLoop(STALL_MS);
  let draining = false;

  function alive(): HealthReport {
    const stalledAt = loop.stalledAt();
    const stalled = stalledAt !== undefined && performance.now() - stalledAt < REPORTED_MS;
    return report([...(stalled ? [`the event loop stood still for ${STALL_MS / 1000} s`] : []), ...(faults?.() ?? [])]);
  }

  return {
    alive,
    async ready() {
      const reasons = draining ? ['the process is about to end'] : [];
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
  const timer = new AbortController();
  const pinged = ping().then(
    () => true,
    () => false,
  );
  const late = sleep(PING_MS, false, { signal: timer.signal }).catch(() => false);
  const inTime = await Promise.race([pinged, late]);
  timer.abort();
  return inTime;
}

function report(reasons: string[]): HealthReport {
  return { ok: reasons.length === 0, reasons };
}

/** Period of the timer whose lateness shows a stall, in milliseconds. */
const TICK_MS = 1_000;

/** Detects stalls of the event loop of this process, during which nothing was sent, renewed or answered. */
interface EventLoopWatch {
  /** Returns the end of the last stall of `stallMs` or more, in milliseconds of `performance.now`; `undefined`: none. */
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
    // The caller may run before the late tick does.
    stalledAt: () => (performance.now() - last >= stallMs ? performance.now() : stalledAt),
    stop: () => clearInterval(timer),
  };
}
