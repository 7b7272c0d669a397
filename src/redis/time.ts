import type { RedisClient } from './connect.ts';

/** Returns the time of Redis's clock, which all processes share, in Unix milliseconds with microseconds as fraction. */
export async function redisTime(redis: Pick<RedisClient, 'time'>): Promise<number> {
  const [seconds, microseconds] = await redis.time();
  return Number(seconds) * 1000 + Number(microseconds) / 1000;
}

/** Returns the shortest of three round trips to Redis, in milliseconds. */
export async function roundTripMs(redis: Pick<RedisClient, 'ping'>): Promise<number> {
  let shortest = Number.POSITIVE_INFINITY;
  for (let n = 0; n < 3; n += 1) {
    const askedAt = performance.now();
    await redis.ping();
    shortest = Math.min(shortest, performance.now() - askedAt);
  }
  return shortest;
}
