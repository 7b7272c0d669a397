import type { GenerationInput } from './request-body.ts';
import type { TaskState } from './task.ts';

/** One task. Times are milliseconds since `unixBase`; null means never or not yet. */
export interface TaskRecord {
  taskId: string;
  prompt: string;
  input: GenerationInput;
  provider: string;
  callbackUrl: string | null;
  createdAt: number;
  /** When it ended or will end; null for never. */
  endsAt: number | null;
  state: TaskState;
  failCode: string | null;
  /** When the client first received the end, from statusTask or an accepted callback. */
  firstSeenEndedAt: number | null;
  /** When the client first received the end from statusTask. */
  firstPolledEndedAt: number | null;
  /** Charged and not refunded. A task is charged when it is made, and refunded if it fails. */
  billed: boolean;
  /** Complete downloads of its clips. */
  downloads: number;
}

/** One attempt to deliver a callback. */
export interface Delivery {
  taskId: string;
  /** From 1; a duplicate starts at 1 again. */
  attempt: number;
  /** Time of the response, or of the timeout. */
  at: number;
  /** HTTP status; null if there was no response in time, or no connection. */
  status: number | null;
}

/** A request for a clip with an Authorization header, whose value is not recorded. */
export interface Leak {
  at: number;
  path: string;
}

export interface Summary {
  unixBase: number;
  now: number;
  /** Requests to the API, including refused ones. */
  requests: Record<RequestKind | 'total', number>;
  /** Refused requests: `rate` and `concurrency` are the two 429s, `invalid` is 400, `key` is 401, `notFound` is 404. */
  refused: Record<Refusal, number>;
  /** Maximum number of API requests in any sliding window, including refused ones. The window is divided by `speed`. */
  maxRequestsInWindow: number;
  tasks: {
    made: number;
    inFlight: number;
    maxInFlight: number;
    success: number;
    failed: number;
    /** Charged and not refunded, including those in flight. */
    billed: number;
    /** Dropped because of `keepTasks`. */
    forgotten: number;
  };
  spentUsd: number;
  files: { requests: number; complete: number; bytes: number };
  callbacks: { sent: number; accepted: number; refused: number; givenUp: number };
  /** Faults that occurred, by name, or by `marker:KIND` for those of a prompt. */
  faults: Record<string, number>;
  leaks: number;
  /** When the first POST arrived; null if none did. */
  firstPostAt: number | null;
  lastEndAt: number | null;
}

export type RequestKind = 'create' | 'status' | 'balance' | 'other';

export type Refusal = 'rate' | 'concurrency' | 'invalid' | 'key' | 'credits' | 'notFound';

/** The records of the simulator. Times are monotonic milliseconds since `unixBase`, a Unix time in milliseconds. */
export interface Records {
  readonly unixBase: number;
  /** Returns the current time on that scale. */
  now(): number;
  summary(): Summary;
  /** Returns all kept tasks, oldest first. */
  tasks(): TaskRecord[];
  task(taskId: string): TaskRecord | undefined;
  /** Returns the tasks of that exact prompt, oldest first. */
  tasksFor(prompt: string): TaskRecord[];
  /** At least the last 10,000. */
  readonly leaks: readonly Leak[];
  /** At least the last 100,000. */
  readonly deliveries: readonly Delivery[];
}
