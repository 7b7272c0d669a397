import type { Marker } from './markers.ts';
import type { GenerationInput, GenerationRequest } from './request-body.ts';

/**
 * One generation: pending -> processing -> success | failed, by time alone. How it will end is decided
 * when it is made. Times are ms since the simulator's epoch; Infinity is never.
 */
export interface Task {
  readonly id: string;
  readonly history: PromptHistory;
  readonly input: GenerationInput;
  readonly provider: GenerationRequest['provider'];
  readonly callbackUrl: string | undefined;
  readonly createdAt: number;
  readonly processingAt: number;
  readonly endsAt: number;
  /** Unset: it succeeds. */
  readonly failCode: string | undefined;
  /** Result URLs of its success. */
  readonly clips: number;
  readonly costUsd: number;
  ended: boolean;
  /** Charged when it is made, refunded when it fails. */
  billed: boolean;
  /** When the client first received the end, by an answer of statusTask or an accepted callback. */
  firstSeenEndedAt: number | undefined;
  /** The same by an answer of statusTask alone. */
  firstPolledEndedAt: number | undefined;
  /** Answers that delivered a clip to its last byte. */
  downloads: number;
  /** The status answer once it cannot change any more. */
  finalBody: string | undefined;
}

/** The tasks and markers of one exact prompt so far. */
export interface PromptHistory {
  readonly prompt: string;
  readonly markers: readonly Marker[];
  /** How often each of `markers` has fired. */
  readonly fired: number[];
  /** Tasks made, forgotten ones too. */
  made: number;
  readonly tasks: Task[];
}

export type TaskState = 'pending' | 'processing' | 'success' | 'failed';

export function stateOf(task: Task, now: number): TaskState {
  if (task.ended) return task.failCode === undefined ? 'success' : 'failed';
  return now < task.processingAt ? 'pending' : 'processing';
}
