import type { RedisClient } from './connect.ts';

/** The clock that all processes share: Unix ms of Redis's, with its microseconds. */
export async function redisTime(redis: Pick<RedisClient, 'time'>): Promise<number> {
  const [seconds, microseconds] = await redis.time();
  return Number(seconds) * 1000 + Number(microseconds) / 1000;
}

/** The round trip to Redis, in milliseconds: the shortest of three. */
export async function roundTripMs(redis: Pick<RedisClient, 'ping'>): Promise<number> {
  let shortest = Number.POSITIVE_INFINITY;
  for (let n = 0; n < 3; n += 1) {
    const askedAt = performance.now();
    await redis.ping();
    shortest = Math.min(shortest, performance.now() - askedAt);
  }
  return shortest;
}
