import { hasEnded, type ItemState } from '../../ledger/schema/states.ts';
import type { Attempt } from '../../ledger/attempts.ts';
import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/log.ts';
import type { RedisClient } from '../../redis/connect.ts';
import { splitRef, refOf, type Keys } from '../../ledger/schema/keys.ts';
import type { RunScript } from '../../ledger/scripts.ts';
import type { QueueName, Queues } from '../../queue/queues.ts';

export interface ReconcileDeps {
  redis: RedisClient;
  keys: Keys;
  run: RunScript;
  queues: Pick<Queues, 'ensure'>;
  clock: Clock;
  log: Logger;
  /** No job of a queue waits longer than this for its next run, in milliseconds. */
  longestWaitMs: Readonly<Record<QueueName, number>>;
}

export interface Reconciled {
  /** Items in progress that were checked. */
  checked: number;
  /** Items whose job was missing and was added again. */
  revived: number;
  /** Jobs that were due far too late, as after a clock was set back, and were promoted. */
  hastened: number;
  /** Slots without a task, released. */
  freed: number;
}

const PAGE = 200;

/** Returns the queue whose job belongs to an item in this state; ended and pending items need none. */
function queueFor(state: ItemState): QueueName {
  return state === 'generating' ? 'poll' : state === 'downloading' ? 'download' : 'submit';
}

/**
 * Repairs what crashes left between two steps: items in progress without a job, jobs that would run far too
 * late, slots without a task. All items in progress are in one set, so the cost does not grow with those that
 * wait or have ended. Safe at any time and in several processes at once: a job that exists is not added again,
 * and every step checks with the ledger whether it is still due.
 */
export async function reconcile(deps: ReconcileDeps): Promise<Reconciled> {
  const result: Reconciled = { checked: 0, revived: 0, hastened: 0, freed: 0 };
  for (let start = 0; ; start += PAGE) {
    const refs = await deps.redis.zrange(deps.keys.live, String(start), String(start + PAGE - 1));
    const found = await Promise.all(refs.map((ref) => ensureJob(deps, ref)));
    result.checked += refs.length;
    result.revived += found.filter((what) => what === 'added').length;
    result.hastened += found.filter((what) => what === 'promoted').length;
    if (refs.length < PAGE) break;
  }
  result.freed = Number(await deps.run('sweep'));
  if (result.revived + result.hastened + result.freed > 0) deps.log.info(result, 'reconciled');
  return result;
}

async function ensureJob(deps: ReconcileDeps, ref: string): Promise<'present' | 'added' | 'promoted'> {
  const { batch, id } = splitRef(ref);
  const [state, number, wake] = await deps.redis.hmget(deps.keys.item(refOf(batch, id)), 'state', 'attempt', 'wake');
  if (!isState(state) || hasEnded(state)) return 'present';
  const name = queueFor(state);
  const attempt: Attempt = { batch, id, attempt: Number(number) };
  // A callback has come, and the process that recorded it may have died before it woke the job.
  const longestMs = wake && state === 'generating' ? 0 : deps.longestWaitMs[name];
  return await deps.queues.ensure(name, attempt, deps.clock.now() + longestMs);
}

function isState(text: string | null | undefined): text is ItemState {
  return text !== null && text !== undefined && text !== '';
}
