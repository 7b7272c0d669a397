import { z } from 'zod';
import type { Config } from '../config/config.ts';
import type { RedisClient } from '../redis/connect.ts';
import type { limitsFields } from './schema/fields.ts';
import type { Keys } from './schema/keys.ts';
import { constants } from './schema/constants.ts';
import { namedReply, scriptJson, type RunScript } from './scripts.ts';
import { bucketShape } from './bucket.ts';

const changedNames = z.array(z.string());

/**
 * Publishes the limits of this process's settings as the ones in force. All scripts read them from Redis, so that
 * processes with different settings obey the same limits.
 * @returns the names of limits that had another value before
 */
export async function publishLimits(run: RunScript, config: Config): Promise<string[]> {
  return changedNames.parse(await run('limits', limitsOf(config), '0')).toSorted();
}

/**
 * Publishes the limits if Redis has none, because it lost its data while workers run.
 * @returns whether they were missing
 */
export async function restoreLimits(run: RunScript, config: Config): Promise<boolean> {
  return changedNames.parse(await run('limits', limitsOf(config), '1')).length > 0;
}

/** The fields of the hash `limits`, as JSON for its script. */
function limitsOf(config: Config): string {
  const shape = bucketShape(config);
  const limits: Record<keyof typeof limitsFields, number> = {
    maxTasks: config.maxTasks,
    maxRequests: config.maxRequests,
    windowMs: config.requestWindowMs,
    interval: shape.intervalMs,
    burst: shape.burst,
    spanMs: shape.spanMs,
    leaseMs: config.taskTimeoutMs + constants.leaseGraceMs,
    trialMs: constants.trialMs,
    retentionMs: config.retentionMs,
  };
  return scriptJson(Object.fromEntries(Object.entries(limits).map(([name, value]) => [name, String(value)])));
}

/** The limits that all processes obey. */
export interface LimitsInForce {
  maxTasks: number;
  maxRequests: number;
  windowMs: number;
}

/** Reads the limits in force; returns `undefined` before any process has published its limits. */
export async function limitsInForce(redis: RedisClient, keys: Keys): Promise<LimitsInForce | undefined> {
  const [maxTasks, maxRequests, windowMs] = await redis.hmget(keys.limits, 'maxTasks', 'maxRequests', 'windowMs');
  if (!maxTasks || !maxRequests || !windowMs) return undefined;
  return { maxTasks: Number(maxTasks), maxRequests: Number(maxRequests), windowMs: Number(windowMs) };
}

/** The part of the limits that is in use, as `clipmill status --json` prints it. */
export interface Usage {
  slots: {
    used: number;
    max: number;
    /** Lower than `max` for a while after the API refused a task. */ ceiling: number;
  };
  requests: { used: number; max: number; windowMs: number };
}

const usageReply = namedReply(
  z.object({
    slots: z.coerce.number(),
    ceiling: z.coerce.number(),
    requests: z.coerce.number(),
    maxTasks: z.coerce.number().optional(),
    maxRequests: z.coerce.number().optional(),
    windowMs: z.coerce.number().optional(),
  }),
);

/** Reads the usage; before any process has published its limits, with the limits of this process's settings. */
export async function readUsage(run: RunScript, config: Config): Promise<Usage> {
  const usage = usageReply.parse(await run('usage'));
  const max = usage.maxTasks ?? config.maxTasks;
  return {
    slots: { used: usage.slots, max, ceiling: usage.ceiling || max },
    requests: {
      used: usage.requests,
      max: usage.maxRequests ?? config.maxRequests,
      windowMs: usage.windowMs ?? config.requestWindowMs,
    },
  };
}
