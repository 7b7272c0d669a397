import { parseMarkers, type Marker, type MarkerKind } from './markers.ts';
import type { PromptHistory, Task } from './task.ts';

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
