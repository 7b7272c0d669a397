import { randomBytes } from 'node:crypto';
import type { Config } from '../config/config.ts';
import type { Keys } from '../ledger/schema/keys.ts';
import type { RedisClient } from '../redis/connect.ts';

/**
 * The secrets of callback URLs: those of CLIPMILL_CALLBACK_SECRET, else one that is made once and kept in
 * Redis, where every process that submits or serves finds it. Access to that Redis is access to everything,
 * so the secret is no safer elsewhere.
 */
export async function readCallbackSecrets(
  redis: Pick<RedisClient, 'get' | 'set'>,
  keys: Keys,
  config: Pick<Config, 'callbackSecrets'>,
): Promise<readonly string[]> {
  if (config.callbackSecrets) return config.callbackSecrets;
  const key = keys.callbackSecret;
  const kept = await redis.get(key);
  if (kept) return [kept];
  // Two processes may start together: the first one's secret holds for both.
  await redis.set(key, randomBytes(32).toString('base64url'), 'NX');
  return [(await redis.get(key)) ?? ''];
}
