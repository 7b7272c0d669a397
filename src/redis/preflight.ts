import { UserError } from '../core/errors.ts';
import type { RedisClient } from './connect.ts';
import type { Finding } from '../core/finding.ts';
import { impossible, judgeRedis } from './fitness.ts';
import { readRedisFacts } from './facts.ts';

/**
 * Looks at a Redis of the user's own before work begins on it, and tells what it finds wanting.
 * @throws UserError when no work is possible on it
 */
export async function preflightRedis(redis: RedisClient, tell: (finding: Finding) => void): Promise<void> {
  const servers = await readRedisFacts(redis);
  for (const server of servers) {
    const fault = impossible(server);
    if (fault)
      throw new UserError(`this Redis cannot be used: ${fault.found}`, { ...(fault.cure && { cure: fault.cure }) });
  }
  for (const finding of servers.flatMap(judgeRedis)) if (finding.level !== 'ok') tell(finding);
}
