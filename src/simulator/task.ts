import { parseMarkers, type Marker, type MarkerKind } from './markers.ts';
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

/** The prompts of all remembered tasks, and which of their markers are used up. */
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

/** Takes the first marker of that kind that has not used up its count, and counts it. */
export function takeMarker(history: PromptHistory, kind: MarkerKind): Marker | undefined {
  for (const [i, marker] of history.markers.entries()) {
    const fired = history.fired[i] ?? 0;
    if (marker.kind !== kind || fired >= marker.times) continue;
    history.fired[i] = fired + 1;
    return marker;
  }
  return undefined;
}
