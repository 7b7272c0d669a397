import { describeError, UserError } from '../core/errors.ts';
import { withTimeout } from '../core/timeouts.ts';
import { watchOutages, type RedisClient } from './connect.ts';
import { explainRedisError } from './errors.ts';

/**
 * Waits until Redis answers from the database that its URL names.
 * @param url as it may be printed
 * @throws UserError with its cure, when it does not within `timeoutMs` (default 5,000)
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

/** The client selects it too, but continues with database 0 when there is no such one. */
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
    return 'Name a database that exists in REDIS_URL (0 always does), or raise `databases` there.';
  if (/self.signed|unable to (get|verify)|certificate|altnames/i.test(reason)) {
    return 'Set CLIPMILL_REDIS_CA to the certificate of your authority (PEM), and use the host name that the certificate names.';
  }
  if (/wrong version number|packet length|EPROTO|SSL/i.test(reason)) {
    return 'rediss:// (TLS) and redis:// differ: use the one that this port speaks.';
  }
  return 'Start one with `docker compose up -d redis` or `redis-server --appendonly yes`, or set REDIS_URL to yours.';
}
