import { Closers } from '../core/closers.ts';
import type { Config } from '../config/config.ts';
import type { Logger } from '../core/log.ts';
import type { EmbeddedRedis } from '../redis/embedded/server.ts';
import type { Finding } from '../core/finding.ts';
import { openApp, type App } from '../app.ts';

/** What a command works with, closed when the command ends. */
export interface Session {
  config: Config;
  log: Logger;
  app: App;
  closers: Closers;
}

export interface SessionOptions {
  redis: (config: Config) => Promise<EmbeddedRedis> | EmbeddedRedis;
  log: Logger;
  config: Config;
  patient?: boolean;
  /** Hears of what is wanting in the Redis of REDIS_URL; a private one is as it should be. */
  onRedisFinding?: (finding: Finding) => void;
}

/** Runs `work` with everything open, and closes it whatever happens. */
export async function withSession<T>(options: SessionOptions, work: (session: Session) => Promise<T>): Promise<T> {
  const closers = new Closers();
  try {
    const redis = await options.redis(options.config);
    closers.push(() => redis.stop());
    const { config, log, patient = false } = options;
    const onRedisFinding = config.redisUrl ? options.onRedisFinding : undefined;
    const app = await openApp({ config, log, redisUrl: redis.url, patient, onRedisFinding });
    closers.push(() => app.close());
    return await work({ config, log, app, closers });
  } finally {
    await closers.close();
  }
}

/** What is wanting, in one line with its cure. */
export function formatFinding({ found, cure }: Finding): string {
  return `warning: Redis: ${found}${cure ? `. ${cure}` : ''}`;
}
