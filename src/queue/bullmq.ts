import { RedisConnection } from 'bullmq';
import type { RedisClient } from '../redis/connect.ts';
import type { Keys } from '../ledger/schema/keys.ts';
import { MIN_REDIS } from '../redis/fitness.ts';

// BullMQ's version check prints warnings with console.warn for each connection. clipmill checks Redis itself and
// reports to its own log, so that check is skipped. BullMQ then assumes its minimum version, which rounds blocking
// waits up to whole seconds; clipmill requires a newer one.
RedisConnection.minimumVersion = `${MIN_REDIS.join('.')}.0`;

/** Returns the options shared by all queues and workers of BullMQ. */
export function bullmqOptions({ redis, keys }: { redis: RedisClient; keys: Keys }) {
  return { connection: redis, prefix: keys.tag, skipVersionCheck: true };
}
