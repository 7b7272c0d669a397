import type { Config } from '../config/config.ts';

export interface Estimate {
  /** Submissions and polls together. */
  requests: number;
  /** The least time that the limits allow, in milliseconds, with generation times as documented. */
  leastMs: number;
}

/** Clips that are expected to take between `minMs` and `maxMs` each. */
export interface ClipKind {
  clips: number;
  minMs: number;
  maxMs: number;
}

/**
 * Estimates requests and time for a number of clips. The time is bounded by the slots (all clips at their mean
 * time, one after the other in every slot, and no less than the longest clip) and by the request limit.
 */
export function estimate(
  kinds: readonly ClipKind[],
  limits: Pick<Config, 'maxTasks' | 'maxRequests' | 'requestWindowMs' | 'pollDelayMs' | 'pollIntervalMs'>,
): Estimate {
  let slotMs = 0;
  let polls = 0;
  let clips = 0;
  let longestMs = 0;
  for (const kind of kinds) {
    const meanMs = (kind.minMs + kind.maxMs) / 2;
    clips += kind.clips;
    slotMs += kind.clips * meanMs;
    polls += kind.clips * (1 + Math.ceil(Math.max(0, meanMs - limits.pollDelayMs) / limits.pollIntervalMs));
    if (kind.clips > 0) longestMs = Math.max(longestMs, meanMs);
  }
  const bySlots = Math.max(longestMs, slotMs / limits.maxTasks);
  const requests = clips + polls;
  const byRequests = (requests / limits.maxRequests) * limits.requestWindowMs;
  return { requests, leastMs: Math.round(Math.max(bySlots, byRequests)) };
}
