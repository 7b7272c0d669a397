import { z } from 'zod';
import { attemptList } from './attempt.ts';
import { namedReply } from './scripts.ts';

/**
 * Whether an attempt may be posted now; lua/begin.lua describes each kind. `state` of `stale` is empty when the item
 * has a later attempt.
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

/** Whether a task may be polled now; lua/poll-permit.lua describes each kind. */
export type PollPermit =
  | {
      kind: 'go';
      /** Time until the request token is usable. */
      waitMs: number;
      taskId: string;
      /** Time since the task was accepted. */
      ageMs: number;
      /** Why submission is halted, if it is. */
      halted?: string | undefined;
      tasks: number;
      /** Model, duration and provider, which determine how long the task takes. */
      taskKind: string;
      /** Consecutive answers without a state of the task. */
      unclear: number;
      /** Whether the user retried the item: if its task is gone or failed, a new one follows. */
      retried: boolean;
      /** Whether the task was posted with a callback URL. */
      callback: boolean;
      /** Time since its first callback, in milliseconds; `undefined` when none has come. */
      sinceHintMs?: number | undefined;
    }
  | { kind: 'wait'; ms: number }
  | { kind: 'stale'; state: string };

/** The result of recording a step. */
export interface MoveReply {
  /** `already`: an earlier command recorded it, whose reply was lost. */
  result: 'moved' | 'already' | 'refused';
  /** The item's state now. */
  state: string;
}

/** Answers without a state of the task. */
export interface UnclearAnswers {
  /** Consecutive ones about this task; 0 when it is not polled any more. */
  count: number;
  /** Time since the first of them, in milliseconds. */
  sinceMs: number;
  /** Consecutive tasks with such answers, without an answer in between that was understood. */
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
