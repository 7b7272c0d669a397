import { setMaxListeners } from 'node:events';
import { UnrecoverableError, WaitingError, Worker, type Job } from 'bullmq';
import { backoffMs } from '../core/backoff.ts';
import { describeError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { metrics } from '../core/metrics.ts';
import type { RedisClient } from '../redis/connect.ts';
import { isPassingReply, isReply } from '../redis/errors.ts';
import type { Keys } from '../ledger/schema/keys.ts';
import { bullmqOptions } from './bullmq.ts';
import { again, type JobContext, type Outcome } from './outcome.ts';
import type { QueueName } from './queues.ts';

/** Before the same error reply is warned of again, in milliseconds. */
const WARN_AGAIN_MS = 60_000;
/** Error replies that are remembered for that. */
const MOST_WARNED = 100;

/** Runs one job; `name` and `data` are as the producer wrote them. */
export type JobHandler = (job: { name: string; data: unknown; id: string }, context: JobContext) => Promise<Outcome>;

/** Thrown by a handler for a job that can never succeed: it ends as failed, with this message. */
export class InvalidJobError extends UnrecoverableError {}

/** Thrown to BullMQ so that it runs the job again after a delay. */
class RetryLater extends Error {
  readonly delayMs: number;

  constructor(delayMs: number) {
    // Its stack is never read, and is expensive to capture.
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = 0;
    super('again');
    Error.stackTraceLimit = limit;
    this.delayMs = delayMs;
  }
}

/**
 * Delays a job by BullMQ's own retry, which delays it and fetches the next one in a single round trip;
 * `moveToDelayed` takes two, and that would be half of all round trips of a poll. The allowance of attempts is set
 * on the job in memory: it costs no storage and holds for producers' jobs as well, none of which may ever fail for
 * its number of attempts.
 */
function retryOf(job: Job, delayMs: number): RetryLater {
  job.opts = { ...job.opts, attempts: Number.MAX_SAFE_INTEGER, backoff: { type: 'again' }, stackTraceLimit: 0 };
  return new RetryLater(delayMs);
}

/** At least 1: BullMQ reads 0 as "at once, before all others". */
function backoffStrategy(_attempts: number, _type?: string, error?: Error): number {
  return error instanceof RetryLater ? Math.max(1, error.delayMs) : -1;
}

export interface ProcessorDeps {
  redis: RedisClient;
  keys: Keys;
  log: Logger;
}

/** The workers of one queue in this process. */
export interface Processor {
  /**
   * Fetches no more jobs, and resolves when the running ones have ended. To be called before the drain signal
   * aborts: a job that a waiting step returned to the queue would be fetched again.
   */
  drain(): Promise<void>;
  /** Ends at once; active jobs run again on another worker when their lock expires. */
  abandon(): Promise<void>;
  /** Returns the number of steps that run now. */
  active(): number;
  /** Returns the time since a step began or ended, in milliseconds. */
  idleMs(): number;
  /** Steps begun so far. */
  stepsBegun(): number;
}

export interface ProcessorOptions {
  /**
   * Workers of BullMQ, which share the concurrency. One of them fetches the jobs of a burst one after the other, a
   * round trip each; several fetch in parallel.
   */
  workers: number;
  /** Steps at once. */
  concurrency: number;
  /** After how long without a sign of life a job is lost to its worker, in milliseconds. Default 10,000. */
  lockMs?: number | undefined;
  /** Aborts when the process drains; its reason is an error that no step throws otherwise. */
  signal: AbortSignal;
}

/** Rejected jobs of producers are kept as failed ones: age in seconds, and number at most. */
const REFUSED_JOBS = { age: 7 * 86_400, count: 10_000 };
/** Waits after a step threw an unexpected error, by the number of starts of its job. */
const unexpectedErrorBackoff = { baseMs: 1_000, capMs: 60_000 };

/**
 * Time without a sign of life after which a job runs again on another worker, in milliseconds. Steps are safe to
 * run twice, so this decides about delay, not about safety.
 */
export const LOCK_MS = 10_000;

/**
 * How long the fetch of an idle worker waits in Redis for a job, in seconds. Ten workers that fetch twice as often are
 * a third of what an idle process costs. Below the connection's time-out for a reply.
 */
const IDLE_FETCH_S = 10;

/**
 * Runs the jobs of a queue, and alone maps their outcomes onto BullMQ. No job fails by BullMQ's own rules: a step
 * that throws runs again later, and a job may stall as often as processes die.
 */
export function startProcessor(
  deps: ProcessorDeps,
  name: QueueName,
  handler: JobHandler,
  options: ProcessorOptions,
): Processor {
  const { log } = deps;
  const { workers: fetchers, concurrency, lockMs = LOCK_MS } = options;
  const abandoned = new AbortController();
  const signal = AbortSignal.any([options.signal, abandoned.signal]);
  // Every step that waits listens to it.
  setMaxListeners(0, signal);
  let active = 0;
  let begun = 0;
  let lastMove = performance.now();

  async function decide(job: Job, token: string | undefined): Promise<Outcome> {
    try {
      const context = { attemptsStarted: job.attemptsStarted, signal };
      return await handler({ name: job.name, data: job.data, id: job.id ?? '' }, context);
    } catch (error) {
      if (error instanceof InvalidJobError) throw error;
      if (signal.aborted && error === signal.reason) {
        await job.moveToWait(token);
        throw new WaitingError();
      }
      const retryMs = backoffMs(job.attemptsStarted, unexpectedErrorBackoff);
      log.error({ queue: name, job: job.id, err: error, retryMs }, 'step failed unexpectedly, trying again');
      return again(retryMs);
    }
  }

  async function run(job: Job, token?: string): Promise<void> {
    active += 1;
    begun += 1;
    const started = performance.now();
    lastMove = started;
    metrics.activeSteps.inc({ queue: name });
    let result = 'error';
    try {
      const outcome = await decide(job, token);
      result = outcome.kind;
      if (outcome.kind === 'again') throw retryOf(job, outcome.delayMs);
    } finally {
      active -= 1;
      lastMove = performance.now();
      metrics.activeSteps.dec({ queue: name });
      metrics.steps.inc({ queue: name, outcome: result });
      metrics.stepSeconds.observe({ queue: name }, (lastMove - started) / 1000);
    }
  }

  const warnedAt = new Map<string, number>();

  /** Warns of an error reply that no outage, fail-over or lost lock explains, each once a minute. */
  function reportError(error: Error): void {
    const reason = describeError(error);
    const line = { queue: name, reason };
    const isFresh = performance.now() - (warnedAt.get(error.message) ?? -Infinity) > WARN_AGAIN_MS;
    if (!isReply(error) || isPassingReply(error) || !isFresh) return log.debug(line, 'error of a BullMQ worker');
    if (warnedAt.size > MOST_WARNED) warnedAt.clear();
    warnedAt.set(error.message, performance.now());
    log.warn(line, 'Redis refuses a command of the queue');
  }

  function startWorker(index: number): Worker {
    const worker = new Worker(name, run, {
      ...bullmqOptions(deps),
      concurrency: Math.ceil(concurrency / fetchers),
      // Whole milliseconds: Redis refuses others, and then no stalled job would ever run again.
      lockDuration: Math.ceil(lockMs),
      stalledInterval: Math.ceil(lockMs / 2),
      // One of them finds the lost jobs of all.
      skipStalledCheck: index > 0,
      drainDelay: IDLE_FETCH_S,
      maxStalledCount: Number.MAX_SAFE_INTEGER,
      settings: { backoffStrategy },
      removeOnComplete: { count: 0 },
      removeOnFail: REFUSED_JOBS,
    });
    worker.on('error', reportError);
    worker.on('stalled', (id) => log.warn({ queue: name, job: id }, 'job of a lost worker runs again'));
    return worker;
  }
  const workers = Array.from({ length: fetchers }, (_, index) => startWorker(index));

  async function close(force: boolean): Promise<void> {
    await Promise.all(workers.map((worker) => worker.close(force)));
  }

  return {
    drain: () => close(false),
    async abandon() {
      const closed = close(true);
      abandoned.abort(new Error('the worker is abandoned'));
      await closed;
    },
    active: () => active,
    idleMs: () => performance.now() - lastMove,
    stepsBegun: () => begun,
  };
}
