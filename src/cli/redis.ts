import type { Config } from '../config/config.ts';
import { UserError } from '../core/errors.ts';
import { joinEmbeddedRedis, startEmbeddedRedis, type EmbeddedRedis } from '../redis/embedded/server.ts';

/** Where `run` keeps its private Redis and its log, in the working folder. */
export const HOME = '.clipmill';

/** The Redis of REDIS_URL, or a private one that ends with this process. */
export async function redisToRun(config: Config, home: string): Promise<EmbeddedRedis> {
  return config.redisUrl ? external(config.redisUrl) : await startEmbeddedRedis(home);
}

/**
 * The Redis of REDIS_URL, or the private one of a run in this folder, be it at work or over.
 * @throws UserError when there is neither
 */
export async function redisToLookAt(config: Config): Promise<EmbeddedRedis> {
  if (config.redisUrl) return external(config.redisUrl);
  const joined = await joinEmbeddedRedis(HOME);
  if (joined) return joined;
  throw new UserError('REDIS_URL is not set, and no `clipmill run` has worked in this folder', {
    cure: 'Set REDIS_URL (docker compose up -d redis; export REDIS_URL=redis://127.0.0.1:6379), or change to the folder of the run.',
  });
}

/** @throws UserError when REDIS_URL is not set: workers that others share need a Redis that they share */
export function redisToShare(config: Config): EmbeddedRedis {
  if (config.redisUrl) return external(config.redisUrl);
  throw new UserError('REDIS_URL is not set', {
    cure: 'Start a Redis (docker compose up -d redis) and export REDIS_URL=redis://127.0.0.1:6379; for one machine alone, `clipmill run` needs none.',
  });
}

function external(url: string): EmbeddedRedis {
  return { url, stop: async () => {} };
}
