import { pino } from 'pino';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Closers } from '../closers.ts';
import { loadConfig, secretsOf, unknownSettings, type Config } from '../config/config.ts';
import { createLogger, type Logger } from '../log.ts';
import type { EmbeddedRedis } from '../redis/embedded.ts';
import type { Finding } from '../runtime/doctor/finding.ts';
import { openRuntime, type Runtime } from '../runtime/runtime.ts';
import type { Io } from './io.ts';

/** What a command works with, closed when the command ends. */
export interface Session {
  config: Config;
  log: Logger;
  runtime: Runtime;
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
    const runtime = await openRuntime({ config, log, redisUrl: redis.url, patient, onRedisFinding });
    closers.push(() => runtime.close());
    return await work({ config, log, runtime, closers });
  } finally {
    await closers.close();
  }
}

/** What is wanting, in one line with its cure. */
export function describeWant({ found, cure }: Finding): string {
  return `warning: Redis: ${found}${cure ? `. ${cure}` : ''}`;
}

/** The settings of the environment; misspelt names are said, not refused: a platform may set its own. */
export function configFrom(io: Io): Config {
  for (const { name, meant } of unknownSettings(io.env)) {
    if (meant) io.err(`warning: ${name} is no setting of clipmill: did you mean ${meant}?\n`);
  }
  return loadConfig(io.env);
}

/** For commands that look and change, and then are over: only what is wrong is worth a line. */
export function quietLog(config: Config): Logger {
  return createLogger({ level: config.logLevel === 'silent' ? 'silent' : 'error', secrets: secretsOf(config) });
}

/** JSON lines on standard error, or readable ones when a person watches. */
export function workerLog(config: Config, io: Io): Logger {
  return createLogger({ level: config.logLevel, secrets: secretsOf(config), pretty: io.terminal });
}

/** JSON lines in a file, where the terminal shows progress instead. */
export function fileLog(config: Config, home: string): { log: Logger; path: string } {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const path = join(home, 'clipmill.log');
  const destination = pino.destination({ dest: path, sync: true, append: true });
  return { log: createLogger({ level: config.logLevel, secrets: secretsOf(config), destination }), path };
}
