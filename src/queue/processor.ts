import { setMaxListeners } from 'node:events';
import { UnrecoverableError, WaitingError, Worker, type Job } from 'bullmq';
import { backoffMs } from '../core/backoff.ts';
import { describeError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { metrics } from '../core/metrics.ts';
import type { RedisClient } from '../redis/connect.ts';
import type { Keys } from '../ledger/schema/keys.ts';
import { bullmqOptions } from './bullmq.ts';
import { again, type JobContext, type Outcome } from './outcome.ts';
import type { QueueName } from './queues.ts';

/** Does the work of one job; `name` and `data` are as the producer wrote them. */
export type JobHandler = (job: { name: string; data: unknown; id: string }, context: JobContext) => Promise<Outcome>;

/** Thrown by a handler when a job can never be done: it ends as failed, with this message. */
export class InvalidJobError extends UnrecoverableError {}

/** Tells BullMQ when to run the job again. */
class RetryLater extends Error {
  readonly delayMs: number;

  constructor(delayMs: number) {
    // Nobody reads where it was thrown, and finding out is dear.
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = 0;
    super('again');
    Error.stackTraceLimit = limit;
    this.delayMs = delayMs;
  }
}

/**
 * BullMQ's own retry, with a delay from the error, puts a job off and fetches the next one in a single
 * round trip, where moveToDelayed takes two: on the way of every look at a task that is half of them.
 * The allowance is set on the job in memory, so that it costs nothing to store and holds for producers'
 * jobs as well: none ever fails by having been tried too often.
 */
function retryOf(job: Job, delayMs: number): RetryLater {
  job.opts = { ...job.opts, attempts: Number.MAX_SAFE_INTEGER, backoff: { type: 'again' }, stackTraceLimit: 0 };
  return new RetryLater(delayMs);
}

/** BullMQ takes 0 for "at once, in front of all others". */
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
  /** Steps at work now. */
  active(): number;
  /** How long no step has begun or ended, in milliseconds. */
  idleMs(): number;
  /** Steps begun so far. */
  stepsBegun(): number;
}

export interface ProcessorOptions {
  /**
   * Workers of BullMQ, which share the concurrency. One fetches the jobs of a burst one after the other,
   * a round trip each; several fetch side by side.
   */
  workers: number;
  /** Steps at once. */
  concurrency: number;
  /** After how long without a sign of life a job is lost to its worker, in milliseconds. Default 10,000. */
  lockMs?: number | undefined;
  /** Aborts when the process drains; its reason is an error that no step throws otherwise. */
  signal: AbortSignal;
}

/** Jobs of producers that could not be taken, kept for them to look at: seconds, and how many at most. */
const REFUSED_JOBS = { age: 7 * 86_400, count: 10_000 };
/** Waits after a step that threw something unexpected, by how often its job was started. */
const unexpectedErrorBackoff = { baseMs: 1_000, capMs: 60_000 };

/**
 * A job is lost to its worker after this long without a sign of life, and runs again elsewhere.
 * Steps are safe to run twice, so this is about patience, not about safety.
 */
const LOCK_MS = 10_000;

/**
 * Runs a queue's jobs, and alone knows how BullMQ is told what became of them. No job is ever failed
 * by the engine's own rules: what throws is tried again later, and a job may stall as often as
 * processes die.
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

  function startWorker(): Worker {
    const worker = new Worker(name, run, {
      ...bullmqOptions(deps),
      concurrency: Math.ceil(concurrency / fetchers),
      lockDuration: lockMs,
      stalledInterval: lockMs / 2,
      maxStalledCount: Number.MAX_SAFE_INTEGER,
      settings: { backoffStrategy },
      removeOnComplete: { count: 0 },
      removeOnFail: REFUSED_JOBS,
    });
    worker.on('error', (error) => log.debug({ queue: name, reason: describeError(error) }, 'worker trouble'));
    worker.on('stalled', (id) => log.warn({ queue: name, job: id }, 'job of a lost worker runs again'));
    return worker;
  }
  const workers = Array.from({ length: fetchers }, startWorker);

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
