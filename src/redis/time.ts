import type { RedisClient } from './connect.ts';

/** The clock that all processes share: Unix ms of Redis's, with its microseconds. */
export async function redisTime(redis: Pick<RedisClient, 'time'>): Promise<number> {
  const [seconds, microseconds] = await redis.time();
  return Number(seconds) * 1000 + Number(microseconds) / 1000;
}
