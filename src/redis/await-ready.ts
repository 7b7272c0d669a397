import { describeError, UserError } from '../core/errors.ts';
import { withTimeout } from '../core/timeouts.ts';
import { watchOutages, type RedisClient } from './connect.ts';
import { explainRedisError } from './errors.ts';

/**
 * Waits until Redis answers in the database of its URL.
 * @param url for error messages, without its password
 * @throws UserError with a cure when Redis does not answer within `timeoutMs` milliseconds (default 5,000)
 */
export async function awaitRedis(redis: RedisClient, url: string, timeoutMs = 5_000): Promise<void> {
  let outage: Error | undefined;
  const unwatch = watchOutages(redis, (reason) => {
    outage = reason;
  });
  try {
    await withTimeout(selectDatabase(redis), { ms: timeoutMs });
  } catch (error) {
    const explained = explainRedisError(outage ?? error);
    if (explained instanceof UserError) throw explained;
    throw new UserError(`cannot reach Redis at ${url}: ${describeError(explained)}`, {
      cure: cureOf(describeError(explained)),
      cause: error,
    });
  } finally {
    unwatch();
  }
}

/** Selects the database again: ioredis continues with database 0 when the selected one does not exist. */
async function selectDatabase(redis: RedisClient): Promise<void> {
  const db = redis.options.db ?? 0;
  if (db === 0) return void (await redis.ping());
  try {
    await redis.select(db);
  } catch (error) {
    if (!/out of range|SELECT is not allowed|cluster mode/i.test(describeError(error))) throw error;
    throw new Error(`it has no database ${db}`, { cause: error });
  }
}

function cureOf(reason: string): string {
  if (/no database/.test(reason))
    return 'Use a database that exists in REDIS_URL (0 always does), or raise `databases` in redis.conf.';
  if (/self.signed|unable to (get|verify)|certificate|altnames/i.test(reason)) {
    return 'Set CLIPMILL_REDIS_CA to the PEM file of your certificate authority, and use the host name in the certificate of Redis.';
  }
  if (/wrong version number|packet length|EPROTO|SSL/i.test(reason)) {
    return 'rediss:// uses TLS and redis:// does not: use the scheme that this port expects.';
  }
  return 'Start Redis with `docker compose up -d redis` or `redis-server --appendonly yes`, or correct REDIS_URL.';
}
