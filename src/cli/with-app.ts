import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import type { App } from '../app.ts';
import { loadConfig, unknownSettings, secretsOf, type Config } from '../config/config.ts';
import type { Finding } from '../core/finding.ts';
import { createLogger, type Logger } from '../core/log.ts';
import type { RedisUse } from '../redis/locate.ts';
import type { CliContext } from './command-context.ts';

/**
 * Loads the settings of the environment. Prints a warning for names that may be misspelled settings; they are not
 * errors, because a platform may set variables of its own.
 * @throws SettingsError
 */
export function configFrom(context: CliContext): Config {
  for (const { name, meant } of unknownSettings(context.env)) {
    if (meant) context.err(`warning: ${name} is not a setting of clipmill: did you mean ${meant}?\n`);
  }
  return loadConfig(context.env);
}

export interface CommandOptions {
  /** Use of Redis by the command. */
  redis: RedisUse;
  /** Default: loaded from the environment. */
  config?: Config;
}

/** Runs a command with an open app, and closes it in any case. */
export async function withApp<T>(
  context: CliContext,
  { redis, config = configFrom(context) }: CommandOptions,
  work: (app: App) => Promise<T>,
): Promise<T> {
  // Loaded here, so that a command that fails before it needs Redis does not load the clients.
  const { openApp } = await import('../app.ts');
  const log = quietLog(config);
  // For a command that only reads, the same warnings on every call would be noise.
  const onFinding = redis === 'read' ? undefined : (finding: Finding) => context.err(`${formatFinding(finding)}\n`);
  const app = await openApp(config, { log, redis, onFinding });
  try {
    return await work(app);
  } finally {
    await app.close();
  }
}

/** Formats a finding about Redis as one line with its cure. */
export function formatFinding({ found, cure }: Finding): string {
  return `warning: Redis: ${found}${cure ? `. ${cure}` : ''}`;
}

/** Creates the log of short commands, with errors only. */
function quietLog(config: Config): Logger {
  return createLogger({ level: config.logLevel === 'silent' ? 'silent' : 'error', secrets: secretsOf(config) });
}

/** Creates a log of JSON lines on standard error. */
export function workerLog(config: Config): Logger {
  return createLogger({ level: config.logLevel, secrets: secretsOf(config) });
}

/** Creates a log of JSON lines in a file, for a terminal that shows progress. */
export function fileLog(config: Config, home: string): Logger {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const destination = pino.destination({ dest: join(home, 'clipmill.log'), sync: true, append: true });
  return createLogger({ level: config.logLevel, secrets: secretsOf(config), destination });
}
