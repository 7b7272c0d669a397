import { Queue, type JobsOptions } from 'bullmq';
import { z } from 'zod';
import type { Attempt } from '../ledger/attempts.ts';
import type { RedisClient } from '../redis/connect.ts';
import type { Keys } from '../ledger/schema/keys.ts';
import { bullmqOptions } from './bullmq.ts';

export const queueNames = ['submit', 'poll', 'download'] as const;
export type QueueName = (typeof queueNames)[number];

/** Name of the jobs that clipmill itself adds; `generate` is a producer's. */
export const STEP = 'step';

/** Data of those jobs: only which attempt it is. Everything else stands in the ledger. */
export const stepData = z.object({ batch: z.string(), id: z.string(), attempt: z.number().int().positive() });

/** The ways into the three queues. Adding a job that exists already adds nothing. */
export interface Queues {
  submit(attempts: readonly Attempt[]): Promise<void>;
  poll(attempt: Attempt, delayMs: number): Promise<void>;
  download(attempt: Attempt): Promise<void>;
  /** When a delayed job is due, Unix ms of the clock that delayed it; `undefined` when it is not delayed. */
  dueAt(name: QueueName, attempt: Attempt): Promise<number | undefined>;
  /** Jobs that could run now: waiting ones, and delayed ones that are due. */
  backlog(name: QueueName): Promise<number>;
  /** The engine's own queue, to look into. */
  engine(name: QueueName): Queue;
  close(): Promise<void>;
}

/** The same attempt always has the same job: unique while it exists, and never numeric or with a colon. */
export function jobIdOf({ batch, id, attempt }: Attempt): string {
  return `${batch}/${id}/${attempt}`;
}

/** BullMQ's score of a delayed job is its time in ms times this. */
const DELAY_SCALE = 4096;

/** The ledger knows what was done; a job that has ended is of no use to anybody. */
const jobOptions: JobsOptions = { removeOnComplete: true, removeOnFail: true };

export function createQueues(redis: RedisClient, keys: Keys): Queues {
  const open = (name: QueueName) =>
    new Queue(name, {
      ...bullmqOptions({ redis, keys }),
      streams: { events: { maxLen: 100 } },
      defaultJobOptions: jobOptions,
    });
  const queues = { submit: open('submit'), poll: open('poll'), download: open('download') };
  // Connection errors are reported once, by the connection itself.
  for (const queue of Object.values(queues)) queue.on('error', () => {});

  return {
    async submit(attempts) {
      // They have their slots already, so they go before whatever producers have queued; the queue
      // gives out the newest first, hence the reversal.
      await Promise.all(
        attempts
          .toReversed()
          .map((attempt) => queues.submit.add(STEP, attempt, { jobId: jobIdOf(attempt), lifo: true })),
      );
    },
    async poll(attempt, delayMs) {
      await queues.poll.add(STEP, attempt, { jobId: jobIdOf(attempt), delay: Math.max(0, Math.round(delayMs)) });
    },
    async download(attempt) {
      await queues.download.add(STEP, attempt, { jobId: jobIdOf(attempt) });
    },
    async backlog(name) {
      const waiting = await queues[name].getJobCountByTypes('waiting', 'prioritized');
      return waiting + (await redis.zcount(queues[name].toKey('delayed'), '-inf', Date.now() * DELAY_SCALE));
    },
    async dueAt(name, attempt) {
      const score = await redis.zscore(queues[name].toKey('delayed'), jobIdOf(attempt));
      return score === null ? undefined : Number(score) / DELAY_SCALE;
    },
    engine: (name) => queues[name],
    async close() {
      await Promise.all(Object.values(queues).map((queue) => queue.close()));
    },
  };
}
