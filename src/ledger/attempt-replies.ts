import { z } from 'zod';
import { attemptList } from './attempt.ts';
import { namedReply } from './scripts.ts';

/**
 * Whether an attempt may be posted now; lua/begin.lua explains each kind. The state of `stale` is the item's while
 * it is at this attempt, else empty.
 */
export type BeginReply =
  | {
      kind: 'go';
      input: object;
      provider: 'auto' | 'value' | 'official';
      tasks: number;
      refusals: number;
      serverErrors: number;
    }
  | { kind: 'wait'; ms: number }
  | { kind: 'stale'; state: string }
  | { kind: 'unknown'; tasks: number }
  | { kind: 'returned' | 'over-budget' };

/** Whether a task may be polled now; lua/poll-permit.lua explains each kind. */
export type PollPermit =
  | {
      kind: 'go';
      /** Until the request token is usable. */
      waitMs: number;
      taskId: string;
      /** Since the task was accepted. */
      ageMs: number;
      /** Why submission is, if it is. */
      halted?: string | undefined;
      tasks: number;
      /** Tasks of one kind take about as long as each other. */
      taskKind: string;
      /** Answers in a row without a state of the task. */
      unclear: number;
      /** The user retried the item: if its task is gone or failed, a new one follows. */
      retried: boolean;
      /** Whether it was posted with a callback URL. */
      callback: boolean;
      /** Since its first callback, in milliseconds; `undefined` when none has come. */
      sinceHintMs?: number | undefined;
    }
  | { kind: 'wait'; ms: number }
  | { kind: 'stale'; state: string };

/** Whether a step was recorded. */
export interface MoveReply {
  /** `already`: it was recorded before, by a command whose reply was lost. */
  result: 'moved' | 'already' | 'refused';
  /** The item's state now. */
  state: string;
}

/** Answers without a state of the task. */
export interface UnclearAnswers {
  /** In a row, about this task; 0 when it is not polled any more. */
  count: number;
  /** Since the first of them, in milliseconds. */
  sinceMs: number;
  /** Tasks in a row that had such answers, and none that was understood. */
  tasks: number;
}

const inputObject = z.looseObject({});
const taskInput = z.string().transform((text) => inputObject.parse(JSON.parse(text)));
const count = z.coerce.number();

export const beginReply = namedReply<BeginReply>(
  z.discriminatedUnion('kind', [
    z.object({
      kind: z.literal('go'),
      input: taskInput,
      provider: z.enum(['auto', 'value', 'official']),
      tasks: count,
      refusals: count,
      serverErrors: count,
    }),
    z.object({ kind: z.literal('wait'), ms: count }),
    z.object({ kind: z.literal('stale'), state: z.string() }),
    z.object({ kind: z.literal('unknown'), tasks: count }),
    z.object({ kind: z.enum(['returned', 'over-budget']) }),
  ]),
);

export const pollReply = namedReply<PollPermit>(
  z.discriminatedUnion('kind', [
    z.object({
      kind: z.literal('go'),
      waitMs: count,
      taskId: z.string(),
      ageMs: count,
      halted: z.string().optional(),
      tasks: count,
      taskKind: z.string(),
      unclear: count,
      retried: z.string().optional().transform(Boolean),
      callback: z
        .string()
        .default('')
        .transform((text) => text === '1'),
      sinceHintMs: count.optional(),
    }),
    z.object({ kind: z.literal('wait'), ms: count }),
    z.object({ kind: z.literal('stale'), state: z.string() }),
  ]),
);

export const moveReply = namedReply(
  z.object({
    result: z.enum(['moved', 'already', 'refused']),
    state: z.string(),
    dispatched: attemptList.default([]),
  }),
);

export const unclearReply = namedReply<UnclearAnswers>(z.object({ count, sinceMs: count, tasks: count }));
