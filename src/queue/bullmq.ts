import { RedisConnection } from 'bullmq';
import type { RedisClient } from '../redis/connect.ts';
import type { Keys } from '../ledger/schema/keys.ts';
import { LEAST_REDIS } from '../redis/fitness.ts';

// BullMQ prints what it thinks of a Redis with console.warn, once a connection. clipmill checks Redis by itself
// and reports in its own log, so that check is skipped; BullMQ then assumes the least version that it works
// with, and would round its blocking waits up to whole seconds. The version that clipmill insists on is right.
RedisConnection.minimumVersion = `${LEAST_REDIS.join('.')}.0`;

/** Options that every queue and worker of BullMQ has. */
export function bullmqOptions({ redis, keys }: { redis: RedisClient; keys: Keys }) {
  return { connection: redis, prefix: keys.tag, skipVersionCheck: true };
}
