import type { Account } from './account.ts';
import type { FaultInjector } from './faults.ts';
import type { SimulatorSettings } from './options.ts';
import { type Prompts, stateOf, type Task } from './task.ts';
import type { Delivery, Leak, Refusal, Records, RequestKind, Summary, TaskRecord } from './records.ts';
import { SlidingPeak } from './sliding-window.ts';
import type { Tasks } from './tasks.ts';
import type { Timeline } from './timeline.ts';

/** Kept records, at least; twice as many at most. */
const MAX_LEAKS = 10_000;
const MAX_DELIVERIES = 100_000;

interface Deps {
  settings: SimulatorSettings;
  timeline: Timeline;
  unixBase: number;
  account: Account;
  injector: FaultInjector;
  prompts: Prompts;
  tasks: Tasks;
}

/** Counts requests and events. The memory for records of single requests is bounded. */
export class Recorder implements Records {
  readonly #context: Deps;
  readonly #peak: SlidingPeak;
  readonly requests: Record<RequestKind | 'total', number> = { create: 0, status: 0, balance: 0, other: 0, total: 0 };
  readonly refused: Record<Refusal, number> = {
    rate: 0,
    concurrency: 0,
    invalid: 0,
    key: 0,
    credits: 0,
    notFound: 0,
  };
  readonly files = { requests: 0, complete: 0, bytes: 0 };
  readonly callbacks = { sent: 0, accepted: 0, refused: 0, givenUp: 0 };
  readonly #ends = { success: 0, failed: 0 };
  readonly #leaks: Leak[] = [];
  readonly #deliveries: Delivery[] = [];
  #firstPostAt: number | null = null;
  #lastEndAt: number | null = null;

  constructor(context: Deps) {
    this.#context = context;
    this.#peak = new SlidingPeak(context.settings.requestWindowMs / context.settings.speed);
  }

  get unixBase(): number {
    return this.#context.unixBase;
  }

  get leaks(): readonly Leak[] {
    return this.#leaks;
  }

  get deliveries(): readonly Delivery[] {
    return this.#deliveries;
  }

  now(): number {
    return this.#context.timeline.now();
  }

  apiRequest(kind: RequestKind, now: number): void {
    this.requests.total++;
    this.requests[kind]++;
    this.#peak.add(now);
    if (kind === 'create') this.#firstPostAt ??= now;
  }

  taskEnded(task: Task): void {
    this.#ends[task.failCode === undefined ? 'success' : 'failed']++;
    this.#lastEndAt = task.endsAt;
  }

  leak(path: string): void {
    push(this.#leaks, { at: this.now(), path }, MAX_LEAKS);
  }

  delivery(delivery: Delivery): void {
    push(this.#deliveries, delivery, MAX_DELIVERIES);
  }

  summary(): Summary {
    const { timeline, account, injector, tasks } = this.#context;
    timeline.settle();
    return {
      unixBase: this.unixBase,
      now: this.now(),
      requests: { ...this.requests },
      refused: { ...this.refused },
      maxRequestsInWindow: this.#peak.most,
      tasks: {
        made: tasks.made,
        inFlight: tasks.inFlight,
        maxInFlight: tasks.mostInFlight,
        ...this.#ends,
        billed: tasks.made - this.#ends.failed,
        forgotten: tasks.forgotten,
      },
      spentUsd: account.spent,
      files: { ...this.files },
      callbacks: { ...this.callbacks },
      faults: { ...injector.fired },
      leaks: this.#leaks.length,
      firstPostAt: this.#firstPostAt,
      lastEndAt: this.#lastEndAt,
    };
  }

  tasks(): TaskRecord[] {
    return this.#view(this.#context.tasks.all());
  }

  task(taskId: string): TaskRecord | undefined {
    const task = this.#context.tasks.get(taskId);
    return task && this.#view([task])[0];
  }

  tasksFor(prompt: string): TaskRecord[] {
    return this.#view(this.#context.prompts.tasksOf(prompt));
  }

  #view(tasks: Iterable<Task>): TaskRecord[] {
    this.#context.timeline.settle();
    const now = this.now();
    return Array.from(tasks, (task) => viewTask(task, now));
  }
}

function viewTask(task: Task, now: number): TaskRecord {
  return {
    taskId: task.id,
    prompt: task.history.prompt,
    input: task.input,
    provider: task.provider,
    callbackUrl: task.callbackUrl ?? null,
    createdAt: task.createdAt,
    endsAt: task.endsAt === Infinity ? null : task.endsAt,
    state: stateOf(task, now),
    // A failure is decided in advance, but not visible before the end.
    failCode: task.ended ? (task.failCode ?? null) : null,
    firstSeenEndedAt: task.firstSeenEndedAt ?? null,
    firstPolledEndedAt: task.firstPolledEndedAt ?? null,
    billed: task.billed,
    downloads: task.downloads,
  };
}

/** Appends to a list, and drops the older half at twice the bound: cheaper than a shift for each entry. */
function push<T>(list: T[], entry: T, bound: number): void {
  if (list.length >= 2 * bound) list.splice(0, bound);
  list.push(entry);
}
