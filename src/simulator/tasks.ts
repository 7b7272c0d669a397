import { randomBytes } from 'node:crypto';
import type { FaultInjector } from './faults.ts';
import type { SimulatorSettings } from './options.ts';
import type { Prompts, PromptHistory, Task } from './task.ts';
import { between, seededRandom, taskSeed } from './random.ts';
import type { GenerationRequest } from './request-body.ts';
import type { Timeline } from './timeline.ts';

/** Fraction of its time for which a task is pending. */
const PENDING_PART = 0.1;

interface Deps {
  settings: SimulatorSettings;
  timeline: Timeline;
  prompts: Prompts;
  injector: FaultInjector;
}

/** All kept tasks, and the number of tasks in flight. */
export class Tasks {
  readonly #deps: Deps;
  readonly #byId = new Map<string, Task>();
  /** Random rather than seeded: after a restart, ids of earlier tasks must be unknown. */
  readonly #run = randomBytes(6).toString('hex');
  #onMade: (task: Task) => void = () => undefined;
  #onEnd: (task: Task) => void = () => undefined;
  made = 0;
  forgotten = 0;
  inFlight = 0;
  mostInFlight = 0;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  onMade(listener: (task: Task) => void): void {
    this.#onMade = listener;
  }

  onEnd(listener: (task: Task) => void): void {
    this.#onEnd = listener;
  }

  get(id: string): Task | undefined {
    return this.#byId.get(id);
  }

  /** Returns all kept tasks, oldest first. */
  all(): Iterable<Task> {
    return this.#byId.values();
  }

  make(request: GenerationRequest, history: PromptHistory, costUsd: number): Task {
    const { settings, timeline, injector } = this.#deps;
    const random = seededRandom(taskSeed(settings.seed, history.prompt, ++history.made));
    const createdAt = timeline.now();
    const slow = Number(injector.marker(history, 'slow')?.value ?? 1);
    const length = (between(random, settings.generationMs[request.input.duration]) * slow) / settings.speed;
    const task: Task = {
      id: `task_${this.#run}${(++this.made).toString(16).padStart(8, '0')}`,
      history,
      input: request.input,
      provider: request.provider,
      callbackUrl: request.callback_url,
      createdAt,
      processingAt: createdAt + length * PENDING_PART,
      endsAt: injector.marker(history, 'never') ? Infinity : createdAt + length,
      failCode:
        injector.marker(history, 'fail')?.value ??
        (injector.firesWith(random, 'failRate') ? 'GENERATION_FAILED' : undefined),
      clips: injector.marker(history, 'no-url') ? 0 : Number(injector.marker(history, 'urls')?.value ?? 1),
      costUsd,
      ended: false,
      billed: true,
      firstSeenEndedAt: undefined,
      firstPolledEndedAt: undefined,
      downloads: 0,
      finalBody: undefined,
    };
    history.tasks.push(task);
    this.#byId.set(task.id, task);
    this.inFlight++;
    this.mostInFlight = Math.max(this.mostInFlight, this.inFlight);
    timeline.at(task.endsAt, () => this.#end(task));
    this.#forgetOldest();
    this.#onMade(task);
    return task;
  }

  #end(task: Task): void {
    task.ended = true;
    this.inFlight--;
    this.#onEnd(task);
  }

  #forgetOldest(): void {
    if (this.#byId.size <= this.#deps.settings.keepTasks) return;
    for (const task of this.#byId.values()) {
      if (!task.ended) continue;
      this.#byId.delete(task.id);
      this.#deps.prompts.forget(task);
      this.forgotten++;
      return;
    }
  }
}
