import type { Config } from '../config/config.ts';
import { UserError } from '../core/errors.ts';
import { joinEmbeddedRedis, startEmbeddedRedis, type EmbeddedRedis } from './embedded/server.ts';

/** How a process uses Redis; this decides what happens when REDIS_URL is not set. */
export type RedisUse =
  /** One process does everything: a private Redis starts in `home`, and ends with the process. */
  | 'run'
  /** Uses the private Redis of a run in `home`, running or ended; fails where there is none. */
  | 'read'
  /** Shares work with other processes, which cannot reach a private Redis: fails. */
  | 'shared';

/** Folder of the private Redis and the log of `run`, in the working directory. */
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
        cure: 'Set REDIS_URL to a Redis with replicas, or unset CLIPMILL_DURABILITY: then the disk acknowledges records.',
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
