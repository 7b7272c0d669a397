import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import { secretsOf, type Config } from '../config/config.ts';
import { createLogger, type Logger } from '../core/log.ts';

/** For commands that look and change, and then are over: only what is wrong is worth a line. */
export function quietLog(config: Config): Logger {
  return createLogger({ level: config.logLevel === 'silent' ? 'silent' : 'error', secrets: secretsOf(config) });
}

/** JSON lines on standard error. */
export function workerLog(config: Config): Logger {
  return createLogger({ level: config.logLevel, secrets: secretsOf(config) });
}

/** JSON lines in a file, where the terminal shows progress instead. */
export function fileLog(config: Config, home: string): { log: Logger; path: string } {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const path = join(home, 'clipmill.log');
  const destination = pino.destination({ dest: path, sync: true, append: true });
  return { log: createLogger({ level: config.logLevel, secrets: secretsOf(config), destination }), path };
}
