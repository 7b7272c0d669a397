import { silentLogger, type Logger } from '../../src/core/log.ts';
import type { Attempt } from '../../src/ledger/attempts.ts';
import { stepContext, type StepContext } from '../../src/worker/steps/step-context.ts';

export interface ContextOptions {
  attemptsStarted?: number;
  signal?: AbortSignal;
  log?: Logger;
}

/** The context of a step of `attempt`: its first run, no drain, no log by default. */
export function contextOf(attempt: Attempt, options: ContextOptions = {}): StepContext {
  const { attemptsStarted = 1, signal = new AbortController().signal, log = silentLogger() } = options;
  return stepContext(attempt, { attemptsStarted, signal }, log);
}
