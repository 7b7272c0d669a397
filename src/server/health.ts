import { setTimeout as sleep } from 'node:timers/promises';
import { watchEventLoop } from './event-loop.ts';

/** The answer to "are you well?": `reasons` say what is wrong, in a phrase each. */
export interface HealthReport {
  ok: boolean;
  reasons: string[];
}

export interface Health {
  /** Whether this process works; does not ask Redis, whose outage no restart mends. */
  alive(): HealthReport;
  /** Whether it can serve now: Redis answers, and the process is not about to end. */
  ready(): Promise<HealthReport>;
  /** From now on not ready. */
  drain(): void;
  stop(): void;
}

export interface HealthOptions {
  /** Whether Redis answers; rejects when it does not. */
  ping: () => Promise<unknown>;
  /** What else is wrong with this process, such as workers that are stuck. */
  faults?: () => string[];
}

/** The event loop stood still for this long: what is due elsewhere was late by as much. */
const STALL_MS = 30_000;
/** A stall is reported for this long, in milliseconds: a probe that comes once in a while has to see it. */
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
