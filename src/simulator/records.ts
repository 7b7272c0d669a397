import type { GenerationInput } from './request-body.ts';
import type { TaskState } from './task.ts';

/** One task as the simulator knows it. Times are ms since `unixBase`; null is not, or not yet. */
export interface TaskRecord {
  taskId: string;
  prompt: string;
  input: GenerationInput;
  provider: string;
  callbackUrl: string | null;
  createdAt: number;
  /** When it ended or will end; null: never. */
  endsAt: number | null;
  state: TaskState;
  failCode: string | null;
  /** The first answer of statusTask that showed the end, or the callback that was accepted. */
  firstSeenEndedAt: number | null;
  /** The same by an answer of statusTask alone. */
  firstPolledEndedAt: number | null;
  /** Charged and not refunded: a task is charged when it is made and refunded when it fails. */
  billed: boolean;
  /** Answers that delivered a clip to its last byte. */
  downloads: number;
}

/** One try to deliver a callback. */
export interface Delivery {
  taskId: string;
  /** From 1; a duplicate counts from 1 again. */
  attempt: number;
  /** When the answer came, or the try was given up. */
  at: number;
  /** null: no answer within the time, or no connection. */
  status: number | null;
}

/** A request for a clip that carried an Authorization header. Its value is not kept. */
export interface Leak {
  at: number;
  path: string;
}

export interface Summary {
  unixBase: number;
  now: number;
  /** Requests to the API, accepted or not. */
  requests: Record<RequestKind | 'total', number>;
  /** Refused by kind: `rate` and `concurrency` are the two 429s, `invalid` is 400, `key` is 401, `notFound` is 404. */
  refused: Record<Refusal, number>;
  /** The most API requests in any sliding window, accepted or not. The window is divided by speed. */
  maxRequestsInWindow: number;
  tasks: {
    made: number;
    inFlight: number;
    maxInFlight: number;
    success: number;
    failed: number;
    /** Charged and not refunded, those in flight too. */
    billed: number;
    /** No longer remembered: see `keepTasks`. */
    forgotten: number;
  };
  spentUsd: number;
  files: { requests: number; complete: number; bytes: number };
  callbacks: { sent: number; accepted: number; refused: number; givenUp: number };
  /** Faults that occurred, by name; faults of a prompt are `marker:KIND`. */
  faults: Record<string, number>;
  leaks: number;
  /** When the first POST arrived; null: none did. */
  firstPostAt: number | null;
  lastEndAt: number | null;
}

export type RequestKind = 'create' | 'status' | 'balance' | 'other';

export type Refusal = 'rate' | 'concurrency' | 'invalid' | 'key' | 'credits' | 'notFound';

/** The records of the simulator. All times are ms since `unixBase` (Unix ms), monotonic. */
export interface Records {
  readonly unixBase: number;
  /** The time now, on the records' scale. */
  now(): number;
  summary(): Summary;
  /** All remembered tasks, oldest first. */
  tasks(): TaskRecord[];
  task(taskId: string): TaskRecord | undefined;
  /** The tasks of that exact prompt, oldest first. */
  tasksFor(prompt: string): TaskRecord[];
  /** The last 10,000 at least. */
  readonly leaks: readonly Leak[];
  /** The last 100,000 at least. */
  readonly deliveries: readonly Delivery[];
}
