import { RedisConnection } from 'bullmq';
import type { RedisClient } from '../redis/connect.ts';
import type { Keys } from '../ledger/schema/keys.ts';
import { LEAST_REDIS } from '../redis/fitness.ts';

// BullMQ's check of a Redis prints warnings by console.warn, for each connection. clipmill checks Redis by itself
// and reports in its own log, so BullMQ's check is skipped. BullMQ then assumes the least version that it works
// with, and would round blocking waits up to whole seconds; clipmill requires a newer one.
RedisConnection.minimumVersion = `${LEAST_REDIS.join('.')}.0`;

/** Options that every queue and worker of BullMQ has. */
export function bullmqOptions({ redis, keys }: { redis: RedisClient; keys: Keys }) {
  return { connection: redis, prefix: keys.tag, skipVersionCheck: true };
}
