import { parseMarkers, type Marker, type MarkerKind } from './markers.ts';
import type { GenerationInput, GenerationRequest } from './request-body.ts';

/**
 * One generation: pending -> processing -> success | failed, as time passes. Its end is decided when it is made. Times
 * are milliseconds since the epoch of the simulator; Infinity means never.
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
  /** `undefined` if it succeeds. */
  readonly failCode: string | undefined;
  /** Number of result URLs if it succeeds. */
  readonly clips: number;
  readonly costUsd: number;
  ended: boolean;
  /** Charged when it is made, refunded if it fails. */
  billed: boolean;
  /** When the client first received the end, from statusTask or an accepted callback. */
  firstSeenEndedAt: number | undefined;
  /** When the client first received the end from statusTask. */
  firstPolledEndedAt: number | undefined;
  /** Complete downloads of its clips. */
  downloads: number;
  /** The body of its status, once that is final. */
  finalBody: string | undefined;
}

/** The tasks and markers of one exact prompt. */
export interface PromptHistory {
  readonly prompt: string;
  readonly markers: readonly Marker[];
  /** How often each marker has fired. */
  readonly fired: number[];
  /** Number of tasks made, including dropped ones. */
  made: number;
  readonly tasks: Task[];
}

export type TaskState = 'pending' | 'processing' | 'success' | 'failed';

export function stateOf(task: Task, now: number): TaskState {
  if (task.ended) return task.failCode === undefined ? 'success' : 'failed';
  return now < task.processingAt ? 'pending' : 'processing';
}

/** The prompts of all kept tasks, with the use of their markers. */
export class Prompts {
  readonly #histories = new Map<string, PromptHistory>();

  of(prompt: string): PromptHistory {
    let history = this.#histories.get(prompt);
    if (!history) {
      const markers = parseMarkers(prompt);
      history = { prompt, markers, fired: markers.map(() => 0), made: 0, tasks: [] };
      this.#histories.set(prompt, history);
    }
    return history;
  }

  tasksOf(prompt: string): readonly Task[] {
    return this.#histories.get(prompt)?.tasks ?? [];
  }

  forget(task: Task): void {
    const { tasks, prompt } = task.history;
    tasks.splice(tasks.indexOf(task), 1);
    if (tasks.length === 0) this.#histories.delete(prompt);
  }
}

/** Returns the first marker of this kind with uses left, and counts the use. */
export function takeMarker(history: PromptHistory, kind: MarkerKind): Marker | undefined {
  for (const [i, marker] of history.markers.entries()) {
    const fired = history.fired[i] ?? 0;
    if (marker.kind !== kind || fired >= marker.times) continue;
    history.fired[i] = fired + 1;
    return marker;
  }
  return undefined;
}
