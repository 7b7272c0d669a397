import type { App } from '../../src/app.ts';
import type { Attempt } from '../../src/ledger/attempt.ts';
import { dispatch } from '../../src/ledger/dispatch.ts';
import { itemStates, transitions, type ItemState } from '../../src/ledger/schema/states.ts';
import { clips } from './harness.ts';

export const MAX_TASKS = 4;
export const BATCH_SIZE = 3;
/** The second batch has a budget, which is spent and raised on the way. */
export const batches = ['a', 'b'] as const;

const cause = { code: 'X', message: 'because' };
const task = { taskId: 'task-1', tasks: 1, kind: 'm/5/auto' };
const urls = ['https://example.com/x.mp4'];
const endedStates = ['failed', 'held', 'cancelled'] as const;

/** The verbs of processes and users on an attempt, in any state. */
const verbs = {
  dispatch: ({ run }) => dispatch(run, 10),
  begin: ({ attempts }, attempt) => attempts.begin(attempt, `try-${Math.random()}`, true),
  accepted: ({ attempts }, attempt) => attempts.accepted(attempt, task),
  notAccepted: ({ attempts }, attempt) => attempts.notAccepted(attempt, 1, 0),
  notAcceptedLater: ({ attempts }, attempt) => attempts.notAccepted(attempt, 1, 5),
  rejected: ({ attempts }, attempt) => attempts.rejected(attempt, cause),
  ambiguous: ({ attempts }, attempt) => attempts.ambiguous(attempt, cause, 60_000),
  resubmit: ({ attempts }, attempt) => attempts.resubmit(attempt, cause, 60_000, { tasks: 1, delayMs: 0 }),
  poll: ({ attempts }, attempt) => attempts.pollPermit(attempt, true),
  generated: ({ attempts }, attempt) => attempts.generated(attempt, urls, 54_000),
  taskFailedAgain: ({ attempts }, attempt) => attempts.taskFailedAgain(attempt, cause, 0),
  failed: ({ attempts }, attempt) => attempts.failed(attempt, cause),
  refused: ({ attempts }, attempt) => attempts.failed(attempt, { code: 'RESULT_REFUSED', message: '' }),
  timedOut: ({ attempts }, attempt) => attempts.held(attempt, { code: 'TASK_TIMEOUT', message: '' }),
  noClip: ({ attempts }, attempt) => attempts.held(attempt, { code: 'RESULT_NOT_A_CLIP', message: '' }),
  urlUnusable: ({ attempts }, attempt) => attempts.urlUnusable(attempt),
  urlDenied: ({ attempts }, attempt) => attempts.urlDenied(attempt),
  claimOutput: ({ attempts }, attempt) => attempts.claimOutput(attempt, `${attempt.batch}/${attempt.id}-2`),
  stored: ({ attempts }, attempt) => attempts.stored(attempt, { location: 'x', size: 1, sha256: 'y' }),
  retry: ({ admin }, { batch, id }) => admin.retry(batch, [id], { states: endedStates }),
  retryBudget: ({ admin }, { batch, id }) => admin.retry(batch, [id], { states: ['held'], code: 'BUDGET' }),
  cancel: ({ admin }, { batch, id }) => admin.cancel(batch, [id], false),
  discard: ({ admin }, { batch, id }) => admin.cancel(batch, [id], true),
  purge: ({ admin }, { batch }) => admin.purge(batch, 0),
  sweep: ({ run }) => run('sweep'),
  halt: ({ account }) => account.halt('no-credit', 'empty'),
  refuseTasks: ({ account }) => account.cool('tasks', 1, 0),
  resume: ({ account }) => account.resume(),
  add: ({ intake }, { batch }) =>
    intake.add(
      batch,
      { model: 'm', ...(batch === 'b' && { maxClips: 3 }) },
      clips(BATCH_SIZE).map((item) => ({ ...item, output: `${batch}/${item.id}` })),
      false,
    ),
} satisfies Record<string, (app: App, attempt: Attempt) => Promise<unknown>>;

export type WalkVerb = keyof typeof verbs;

type Situation = ItemState | 'missing' | 'dispatched' | 'ambiguous';

/** The verbs that an item in a situation is given, the likelier the more often they are named. */
const likely: Record<Situation, readonly WalkVerb[]> = {
  missing: ['add'],
  queued: ['dispatch', 'dispatch', 'dispatch', 'dispatch', 'resume', 'cancel'],
  dispatched: ['begin', 'begin', 'begin', 'begin', 'begin', 'begin', 'begin', 'cancel'],
  // It may have been posted: held, cancelled, or queued to be posted once more.
  ambiguous: ['accepted', 'retry', 'dispatch', 'begin', 'cancel'],
  submitting: [
    'accepted',
    'accepted',
    'accepted',
    'accepted',
    'notAccepted',
    'notAcceptedLater',
    'rejected',
    'ambiguous',
    'resubmit',
    'resubmit',
    'cancel',
    'discard',
  ],
  generating: [
    'generated',
    'generated',
    'generated',
    'poll',
    'taskFailedAgain',
    'failed',
    'timedOut',
    'cancel',
    'discard',
  ],
  downloading: ['stored', 'refused', 'failed', 'noClip', 'discard', 'urlDenied', 'urlUnusable', 'claimOutput'],
  done: ['dispatch', 'retry', 'purge'],
  failed: ['retry', 'purge'],
  held: ['retry', 'retry', 'retryBudget', 'purge'],
  cancelled: ['retry', 'retry', 'retry', 'purge'],
};

const anyVerb = Object.keys(verbs) as WalkVerb[];

export interface WalkedItem {
  state: ItemState;
  attempt: number;
  /** The attempt whose slot is kept because its task may run. */
  kept: number;
  /** Whether it has a job. */
  live: boolean;
}

function situationOf(item: WalkedItem | undefined): Situation {
  if (!item) return 'missing';
  const waits = item.state === 'queued' || item.state === 'held' || item.state === 'cancelled';
  if (waits && item.kept === item.attempt) return 'ambiguous';
  return item.state === 'queued' && item.live ? 'dispatched' : item.state;
}

/** A step of the walk: which item, which verb, and whether it comes from an attempt that is past. */
export interface Step {
  item: number;
  verb: number;
  /** One in ten steps runs any verb, one in ten is for a past attempt. */
  odd: number;
}

/** Takes one step: the verb is drawn by the state of the item that is drawn. */
export async function takeStep(
  app: App,
  items: ReadonlyMap<string, WalkedItem>,
  step: Step,
): Promise<{ verb: WalkVerb; attempt: Attempt; reply: unknown }> {
  const batch = batches[step.item % batches.length] ?? 'a';
  const id = `clip-${(Math.floor(step.item / batches.length) % BATCH_SIZE) + 1}`;
  const item = items.get(`${batch}/${id}`);
  const choice = step.odd === 0 ? anyVerb : likely[situationOf(item)];
  const verb = choice[step.verb % choice.length] ?? 'dispatch';
  const attempt = { batch, id, attempt: Math.max(0, (item?.attempt ?? 0) - (step.odd === 1 ? 1 : 0)) };
  return { verb, attempt, reply: await verbs[verb](app, attempt) };
}

/** Counts the transitions that were walked, of all that the schema has. */
export class Walked {
  readonly #counts = new Map<string, number>();

  constructor() {
    for (const from of itemStates) for (const to of transitions[from]) this.#counts.set(`${from} -> ${to}`, 0);
  }

  /** @throws when the state machine has no such transition */
  add(from: ItemState, to: ItemState): void {
    const name = `${from} -> ${to}`;
    const count = this.#counts.get(name);
    if (count === undefined) throw new Error(`the state machine has no transition ${name}`);
    this.#counts.set(name, count + 1);
  }

  get missing(): string[] {
    return [...this.#counts].filter(([, count]) => count === 0).map(([name]) => name);
  }

  toString(): string {
    const rows = [...this.#counts].toSorted(([, a], [, b]) => a - b).map(([name, count]) => `${name} ${count}`);
    return rows.join(', ');
  }
}
