import { UserError } from '../core/errors.ts';
import type { Finding } from '../core/finding.ts';
import type { RedisClient } from './connect.ts';
import { readRedisFacts } from './facts.ts';
import { impossible, judgeRedis } from './fitness.ts';

/**
 * Checks a Redis of the user's own before work begins on it, and reports what falls short.
 * @throws UserError when no work is possible on it
 */
export async function preflightRedis(redis: RedisClient, report: (finding: Finding) => void): Promise<void> {
  const facts = await readRedisFacts(redis);
  const fault = impossible(facts);
  if (fault) {
    throw new UserError(`this Redis cannot be used: ${fault.found}`, { ...(fault.cure && { cure: fault.cure }) });
  }
  for (const finding of judgeRedis(facts)) if (finding.level !== 'ok') report(finding);
}
