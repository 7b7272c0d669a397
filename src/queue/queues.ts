import { Job, Queue, type JobsOptions } from 'bullmq';
import { z } from 'zod';
import type { Attempt } from '../ledger/attempts.ts';
import type { RedisClient } from '../redis/connect.ts';
import type { Keys } from '../ledger/schema/keys.ts';
import { bullmqOptions } from './bullmq.ts';

export const queueNames = ['submit', 'poll', 'download'] as const;
export type QueueName = (typeof queueNames)[number];

/** Name of the jobs that clipmill itself adds; a producer's are named `generate`. */
export const STEP = 'step';

/** Data of those jobs: only which attempt it is. Everything else is in the ledger. */
export const stepData = z.object({ batch: z.string(), id: z.string(), attempt: z.number().int().positive() });

/** The three queues. A job that exists is never added again. */
export interface Queues {
  submit(attempts: readonly Attempt[]): Promise<void>;
  poll(attempt: Attempt, delayMs: number): Promise<void>;
  download(attempt: Attempt): Promise<void>;
  /** Runs the poll job of an attempt now. @returns false when it is not delayed: it runs, waits, or is gone */
  wake(attempt: Attempt): Promise<boolean>;
  /**
   * Makes sure that an attempt has a job that will run.
   * @param dueBy Unix ms by this machine's clock: a job that is delayed for longer is made due at once
   * @returns what it did: nothing, added a job that was missing, or promoted a delayed one
   */
  ensure(name: QueueName, attempt: Attempt, dueBy: number): Promise<'present' | 'added' | 'promoted'>;
  /** Returns the number of jobs that could run now: waiting ones, and delayed ones that are due. */
  backlog(name: QueueName): Promise<number>;
  close(): Promise<void>;
}

/** Returns the id of an attempt's job: unique in its queue, and never numeric or with a colon, which BullMQ refuses. */
export function jobIdOf({ batch, id, attempt }: Attempt): string {
  return `${batch}/${id}/${attempt}`;
}

/** A job that is delayed anew each time that it was not found delayed is no accident after so many. */
const PROMOTE_TRIES = 3;

/** BullMQ's score of a delayed job is its time in ms times this. */
const DELAY_SCALE = 4096;

/** The ledger knows what was done: a job that has ended is of no further use. */
const jobOptions: JobsOptions = { removeOnComplete: true, removeOnFail: true };

export function createQueues(redis: RedisClient, keys: Keys): Queues {
  const open = (name: QueueName) =>
    new Queue(name, {
      ...bullmqOptions({ redis, keys }),
      streams: { events: { maxLen: 100 } },
      defaultJobOptions: jobOptions,
    });
  const queues = { submit: open('submit'), poll: open('poll'), download: open('download') };
  // The connection itself reports its errors, once.
  for (const queue of Object.values(queues)) queue.on('error', () => {});

  async function submit(attempts: readonly Attempt[]): Promise<void> {
    // They have their slots already, so they go before the jobs of producers; the queue returns the newest
    // first, hence the reversal.
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

  /** Unix ms of the clock that delayed the job; `undefined` when it is not delayed. */
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
        // A job that is in no list will never run, and keeps its id from being added again.
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
      // Made of its id alone: nothing of the job is needed, so nothing is fetched.
      const job = new Job(queues.poll, STEP, attempt, {}, id);
      for (let tries = 1; ; tries += 1) {
        try {
          await job.promote();
          return true;
        } catch (error) {
          if ((await dueAt('poll', id)) === undefined) return false;
          // It was added or delayed between the two commands.
          if (tries === PROMOTE_TRIES) throw error;
        }
      }
    },
    async backlog(name) {
      // A queue that was paused by hand has nothing that could run.
      if (await queues[name].isPaused()) return 0;
      const waiting = await queues[name].getJobCountByTypes('waiting', 'prioritized');
      return waiting + (await redis.zcount(queues[name].toKey('delayed'), '-inf', Date.now() * DELAY_SCALE));
    },
    async close() {
      await Promise.all(Object.values(queues).map((queue) => queue.close()));
    },
  };
}
