import type { Config } from '../config/config.ts';
import { UserError } from '../core/errors.ts';
import { joinEmbeddedRedis, startEmbeddedRedis, type EmbeddedRedis } from './embedded/server.ts';

/** The use of Redis by a process, which decides about a REDIS_URL that is not set. */
export type RedisUse =
  /** Everything in one process: a private Redis in `home` is started, and ends with the process. */
  | 'run'
  /** The Redis that exists: the private one of a run in `home`, at work or ended; else an error. */
  | 'read'
  /** Work shared with other processes: an error. */
  | 'shared';

/** Folder of the private Redis and the log of `run`, below the working folder. */
export const DEFAULT_HOME = '.clipmill';

/**
 * Returns the Redis of REDIS_URL, or a private one.
 * @throws UserError when there is neither
 */
export async function locateRedis(
  { redisUrl: url, durability }: Pick<Config, 'redisUrl' | 'durability'>,
  use: RedisUse,
  home: string,
): Promise<EmbeddedRedis> {
  if (url !== undefined) return { url, stop: async () => {} };
  if (use === 'run') {
    if (durability === 'replica') {
      throw new UserError('CLIPMILL_DURABILITY=replica, but a private Redis has no replica', {
        cure: 'Set REDIS_URL to a Redis with replicas, or unset CLIPMILL_DURABILITY: the disk acknowledges then.',
      });
    }
    return await startEmbeddedRedis(home, durability === 'memory' ? 'everysec' : 'always');
  }
  const joined = use === 'read' ? await joinEmbeddedRedis(home) : undefined;
  if (joined) return joined;
  if (use === 'read') {
    throw new UserError('REDIS_URL is not set, and no `clipmill run` has used this folder', {
      cure: 'Set REDIS_URL (docker compose up -d redis; export REDIS_URL=redis://127.0.0.1:6379), or change to the folder of the run.',
    });
  }
  throw new UserError('REDIS_URL is not set', {
    cure: 'Start a Redis (docker compose up -d redis) and export REDIS_URL=redis://127.0.0.1:6379; for one machine alone, `clipmill run` needs none.',
  });
}
