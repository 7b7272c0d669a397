import { parseMarkers, type Marker, type MarkerKind } from './markers.ts';
import type { PromptHistory, Task } from './task.ts';

/** Every prompt that was ever posted and is still remembered, and whose turn its markers are at. */
export class Prompts {
  readonly #histories = new Map<string, PromptHistory>();

  of(prompt: string): PromptHistory {
    let history = this.#histories.get(prompt);
    if (!history) {
      const markers = parseMarkers(prompt);
      history = { prompt, markers, struck: markers.map(() => 0), made: 0, tasks: [] };
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

/** The first marker of that kind which has not used up its count; asking counts as one strike. */
export function strike(history: PromptHistory, kind: MarkerKind): Marker | undefined {
  for (const [i, marker] of history.markers.entries()) {
    const struck = history.struck[i] ?? 0;
    if (marker.kind !== kind || struck >= marker.times) continue;
    history.struck[i] = struck + 1;
    return marker;
  }
  return undefined;
}
