import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import { secretsOf, type Config } from '../config/config.ts';
import { createLogger, type Logger } from '../core/log.ts';

/** Returns the log of short commands: errors only. */
export function quietLog(config: Config): Logger {
  return createLogger({ level: config.logLevel === 'silent' ? 'silent' : 'error', secrets: secretsOf(config) });
}

/** Returns a log of JSON lines on standard error. */
export function workerLog(config: Config): Logger {
  return createLogger({ level: config.logLevel, secrets: secretsOf(config) });
}

/** Returns a log of JSON lines in a file, for when the terminal shows progress. */
export function fileLog(config: Config, home: string): { log: Logger; path: string } {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const path = join(home, 'clipmill.log');
  const destination = pino.destination({ dest: path, sync: true, append: true });
  return { log: createLogger({ level: config.logLevel, secrets: secretsOf(config), destination }), path };
}
