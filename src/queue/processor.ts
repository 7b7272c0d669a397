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
import { again, type JobContext, type StepResult } from './step-result.ts';
import type { QueueName } from './queues.ts';

/** Minimum interval of warnings about the same error reply, in milliseconds. */
const WARN_AGAIN_MS = 60_000;
/** Maximum number of error replies that are distinguished for it. */
const MAX_WARNED = 100;

/** Runs one job; `name` and `data` are unvalidated input of the producer. */
export type JobHandler = (job: { name: string; data: unknown; id: string }, context: JobContext) => Promise<StepResult>;

/** Thrown by a handler for a job that can never succeed: the job fails with this message. */
export class InvalidJobError extends UnrecoverableError {}

/** Thrown to BullMQ to retry the job after a delay. */
class RetryLater extends Error {
  readonly delayMs: number;

  constructor(delayMs: number) {
    // The stack is never read and is expensive to capture.
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = 0;
    super('again');
    Error.stackTraceLimit = limit;
    this.delayMs = delayMs;
  }
}

/**
 * Delays a job with BullMQ's retry, which delays it and fetches the next one in a single round trip; `moveToDelayed`
 * needs two, which would be half of all round trips of a poll. The limit of attempts is raised on the job in memory:
 * that costs no storage and applies to producers' jobs too, none of which may fail by its number of attempts.
 */
function retryOf(job: Job, delayMs: number): RetryLater {
  job.opts = { ...job.opts, attempts: Number.MAX_SAFE_INTEGER, backoff: { type: 'again' }, stackTraceLimit: 0 };
  return new RetryLater(delayMs);
}

/** Returns at least 1: BullMQ interprets 0 as "immediately, before all other jobs". */
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
   * Stops fetching jobs, and resolves when the running ones have ended. Call it before the drain signal aborts:
   * otherwise a job that a waiting step returns to the queue is fetched again.
   */
  drain(): Promise<void>;
  /** Stops immediately; active jobs run again on another worker after their lock expires. */
  abandon(): Promise<void>;
  /** Returns the number of running steps. */
  active(): number;
  /** Returns the time since a step last started or ended, in milliseconds. */
  idleMs(): number;
  /** Returns the number of steps started so far. */
  stepsBegun(): number;
}

export interface ProcessorOptions {
  /**
   * Number of BullMQ workers that share the concurrency. A single worker fetches the jobs of a burst sequentially,
   * with one round trip each; several workers fetch in parallel.
   */
  workers: number;
  /** Maximum number of concurrent steps. */
  concurrency: number;
  /** Duration of a job's lock without renewal, in milliseconds. Default 10,000. */
  lockMs?: number | undefined;
  /** Aborts when the process drains; no step throws its reason for any other cause. */
  signal: AbortSignal;
}

/** Retention of producers' invalid jobs, which end as failed: age in seconds, and maximum number. */
const REFUSED_JOBS = { age: 7 * 86_400, count: 10_000 };
/** Backoff after an unexpected error of a step, by the number of starts of its job. */
const unexpectedErrorBackoff = { baseMs: 1_000, capMs: 60_000 };

/**
 * Default lock duration, in milliseconds: a job whose lock is not renewed runs again on another worker. Steps are
 * idempotent, so this affects latency, not safety.
 */
export const LOCK_MS = 10_000;

/**
 * Duration of a blocking fetch of an idle worker, in seconds. Ten workers that fetch twice as often account for a
 * third of the CPU of an idle process. Shorter than the reply timeout of the connection.
 */
const IDLE_FETCH_S = 10;

/**
 * Runs the jobs of a queue and maps their results onto BullMQ. No job fails by BullMQ's own rules: a step that
 * throws is retried later, and a job may stall any number of times.
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
  // Every waiting step adds a listener.
  setMaxListeners(0, signal);
  let active = 0;
  let begun = 0;
  let lastMove = performance.now();

  async function decide(job: Job, token: string | undefined): Promise<StepResult> {
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
    let kind = 'error';
    try {
      const result = await decide(job, token);
      kind = result.kind;
      if (result.kind === 'again') throw retryOf(job, result.delayMs);
    } finally {
      active -= 1;
      lastMove = performance.now();
      metrics.activeSteps.dec({ queue: name });
      metrics.steps.inc({ queue: name, result: kind });
      metrics.stepSeconds.observe({ queue: name }, (lastMove - started) / 1000);
    }
  }

  const warnedAt = new Map<string, number>();

  /** Warns of error replies that no outage, fail-over or lost lock explains, at most once a minute each. */
  function reportError(error: Error): void {
    const reason = describeError(error);
    const line = { queue: name, reason };
    const isFresh = performance.now() - (warnedAt.get(error.message) ?? -Infinity) > WARN_AGAIN_MS;
    if (!isReply(error) || isPassingReply(error) || !isFresh) return log.debug(line, 'error of a BullMQ worker');
    if (warnedAt.size > MAX_WARNED) warnedAt.clear();
    warnedAt.set(error.message, performance.now());
    log.warn(line, 'Redis refuses a command of the queue');
  }

  function startWorker(index: number): Worker {
    const worker = new Worker(name, run, {
      ...bullmqOptions(deps),
      concurrency: Math.ceil(concurrency / fetchers),
      // Whole milliseconds: Redis rejects fractions, and stalled jobs would never run again.
      lockDuration: Math.ceil(lockMs),
      stalledInterval: Math.ceil(lockMs / 2),
      // One worker detects the stalled jobs of all.
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
