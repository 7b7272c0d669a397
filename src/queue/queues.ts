import { Job, Queue, type JobsOptions } from 'bullmq';
import { z } from 'zod';
import type { Attempt } from '../ledger/attempts.ts';
import type { RedisClient } from '../redis/connect.ts';
import type { Keys } from '../ledger/schema/keys.ts';
import { bullmqOptions } from './bullmq.ts';

export const queueNames = ['submit', 'poll', 'download'] as const;
export type QueueName = (typeof queueNames)[number];

/** Name of the jobs that clipmill adds; producers' jobs are named `generate`. */
export const STEP = 'step';

/** Data of those jobs: the attempt alone. Everything else is in the ledger. */
export const stepData = z.object({ batch: z.string(), id: z.string(), attempt: z.number().int().positive() });

/** The three queues. An existing job is never added again. */
export interface Queues {
  submit(attempts: readonly Attempt[]): Promise<void>;
  poll(attempt: Attempt, delayMs: number): Promise<void>;
  download(attempt: Attempt): Promise<void>;
  /** Promotes the delayed poll job of an attempt. @returns false if it is active, waiting or missing */
  wake(attempt: Attempt): Promise<boolean>;
  /**
   * Ensures that an attempt has a job that will run.
   * @param dueBy Unix ms of this machine's clock: a job delayed beyond it is promoted
   * @returns `present` if it changed nothing, `added` for a missing job, `promoted` for a delayed one
   */
  ensure(name: QueueName, attempt: Attempt, dueBy: number): Promise<'present' | 'added' | 'promoted'>;
  /** Returns the number of runnable jobs: waiting ones, and delayed ones that are due. */
  backlog(name: QueueName): Promise<number>;
  close(): Promise<void>;
}

/**
 * Returns the id of an attempt's job: unique in its queue, not numeric and without a colon, both of which BullMQ
 * rejects.
 */
export function jobIdOf({ batch, id, attempt }: Attempt): string {
  return `${batch}/${id}/${attempt}`;
}

/** Maximum number of tries to promote a job that another process delays concurrently. */
const PROMOTE_TRIES = 3;

/** BullMQ's score of a delayed job is its due time in milliseconds times this. */
const DELAY_SCALE = 4096;

/** The ledger records the results, so completed and failed jobs are removed. */
const jobOptions: JobsOptions = { removeOnComplete: true, removeOnFail: true };

export function createQueues(redis: RedisClient, keys: Keys): Queues {
  const open = (name: QueueName) =>
    new Queue(name, {
      ...bullmqOptions({ redis, keys }),
      streams: { events: { maxLen: 100 } },
      defaultJobOptions: jobOptions,
    });
  const queues = { submit: open('submit'), poll: open('poll'), download: open('download') };
  // The connection reports its errors, once for all queues.
  for (const queue of Object.values(queues)) queue.on('error', () => {});

  async function submit(attempts: readonly Attempt[]): Promise<void> {
    // These attempts hold slots already, so their jobs precede those of producers. LIFO returns the newest first,
    // hence the reversal.
    await Promise.all(
      attempts.toReversed().map((attempt) => queues.submit.add(STEP, attempt, { jobId: jobIdOf(attempt), lifo: true })),
    );
  }
  async function poll(attempt: Attempt, delayMs: number): Promise<void> {
    await queues.poll.add(STEP, stepData.parse(attempt), {
      jobId: jobIdOf(attempt),
      delay: Math.max(0, Math.round(delayMs)),
    });
  }
  async function download(attempt: Attempt): Promise<void> {
    await queues.download.add(STEP, attempt, { jobId: jobIdOf(attempt) });
  }
  const add = {
    submit: (attempt: Attempt) => submit([attempt]),
    poll: (attempt: Attempt) => poll(attempt, 0),
    download,
  };

  /** Returns the due time in Unix ms of the clock that delayed the job; `undefined` if it is not delayed. */
  async function dueAt(name: QueueName, jobId: string): Promise<number | undefined> {
    const score = await redis.zscore(queues[name].toKey('delayed'), jobId);
    return score === null ? undefined : Number(score) / DELAY_SCALE;
  }

  return {
    submit,
    poll,
    download,
    async ensure(name, attempt, dueBy) {
      const jobId = jobIdOf(attempt);
      const job = await queues[name].getJob(jobId);
      const state = job ? await job.getState() : 'unknown';
      if (state === 'unknown' || state === 'failed' || state === 'completed') {
        // A job in no list never runs, and prevents another job with its id.
        if (job) await job.remove().catch(() => {});
        await add[name](attempt);
        return 'added';
      }
      const due = state === 'delayed' ? await dueAt(name, jobId) : undefined;
      if (!job || due === undefined || due <= dueBy) return 'present';
      await job.promote().catch(() => {});
      return 'promoted';
    },
    async wake(attempt) {
      const id = jobIdOf(attempt);
      // Constructed from the id alone: promote needs no other data, so nothing is fetched.
      const job = new Job(queues.poll, STEP, attempt, {}, id);
      for (let tries = 1; ; tries += 1) {
        try {
          await job.promote();
          return true;
        } catch (error) {
          if ((await dueAt('poll', id)) === undefined) return false;
          // The job was added or delayed between the two commands.
          if (tries === PROMOTE_TRIES) throw error;
        }
      }
    },
    async backlog(name) {
      // A manually paused queue has no runnable jobs.
      if (await queues[name].isPaused()) return 0;
      const waiting = await queues[name].getJobCountByTypes('waiting', 'prioritized');
      return waiting + (await redis.zcount(queues[name].toKey('delayed'), '-inf', Date.now() * DELAY_SCALE));
    },
    async close() {
      await Promise.all(Object.values(queues).map((queue) => queue.close()));
    },
  };
}
