import { z } from 'zod';
import type { Config } from '../config/config.ts';
import type { RedisClient } from '../redis/connect.ts';
import type { Keys } from './keys.ts';
import type { RunScript } from './scripts.ts';
import { bucketShape } from './bucket.ts';

/** How long after the time-out of its task a slot is freed by itself, if nobody did. */
const LEASE_GRACE_MS = 60_000;

/** While submission is halted, one submission tries every so often whether the account works again. */
export const TRIAL_MS = 30_000;

const changedNames = z.array(z.string());

/**
 * Publishes the limits of this process's settings as the ones in force. All scripts read them from
 * Redis, so that processes with different settings cannot each keep a limit of their own.
 * @returns the names of limits that another process had set otherwise.
 */
export async function publishLimits(run: RunScript, config: Config): Promise<string[]> {
  const shape = bucketShape(config.maxRequests, config.requestWindowMs);
  const limits = {
    maxTasks: config.maxTasks,
    maxRequests: config.maxRequests,
    windowMs: config.requestWindowMs,
    interval: shape.intervalMs,
    burst: shape.burst,
    leaseMs: config.taskTimeoutMs + LEASE_GRACE_MS,
    trialMs: TRIAL_MS,
    retentionMs: config.retentionMs,
  };
  const asText = Object.fromEntries(Object.entries(limits).map(([name, value]) => [name, String(value)]));
  return changedNames.parse(await run('limits', JSON.stringify(asText))).toSorted();
}

/** The limits that all processes keep. */
export interface LimitsInForce {
  maxTasks: number;
  maxRequests: number;
  windowMs: number;
}

/** @returns `undefined` before any process published its limits */
export async function limitsInForce(redis: RedisClient, keys: Keys): Promise<LimitsInForce | undefined> {
  const [maxTasks, maxRequests, windowMs] = await redis.hmget(keys.limits, 'maxTasks', 'maxRequests', 'windowMs');
  if (!maxTasks || !maxRequests || !windowMs) return undefined;
  return { maxTasks: Number(maxTasks), maxRequests: Number(maxRequests), windowMs: Number(windowMs) };
}

/** What of the limits is in use, as `clipmill status --json` prints it. */
export interface Usage {
  slots: { used: number; max: number; /** Lower than `max` for a while after the API refused more. */ ceiling: number };
  requests: { used: number; max: number; windowMs: number };
}

const usageReply = z.tuple([z.number(), z.number(), z.number()]);

export async function readUsage(redis: RedisClient, keys: Keys, run: RunScript, config: Config): Promise<Usage> {
  const [used, ceiling, requests] = usageReply.parse(await run('usage'));
  const inForce = await limitsInForce(redis, keys);
  const max = inForce?.maxTasks ?? config.maxTasks;
  return {
    slots: { used, max, ceiling: ceiling || max },
    requests: {
      used: requests,
      max: inForce?.maxRequests ?? config.maxRequests,
      windowMs: inForce?.windowMs ?? config.requestWindowMs,
    },
  };
}
