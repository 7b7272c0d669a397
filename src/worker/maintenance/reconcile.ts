import { hasEnded, type ItemState } from '../../ledger/schema/states.ts';
import type { Attempt } from '../../ledger/attempts.ts';
import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/log.ts';
import type { RedisClient } from '../../redis/connect.ts';
import { splitRef, refOf, type Keys } from '../../ledger/schema/keys.ts';
import type { RunScript } from '../../ledger/scripts.ts';
import { jobIdOf, type QueueName, type Queues } from '../../queue/queues.ts';

export interface ReconcileDeps {
  redis: RedisClient;
  keys: Keys;
  run: RunScript;
  queues: Queues;
  clock: Clock;
  log: Logger;
  /** No job of a queue waits longer than this for its next turn, in milliseconds. */
  longestWaitMs: Readonly<Record<QueueName, number>>;
}

export interface Reconciled {
  /** Items under way that were looked at. */
  checked: number;
  /** Items whose job was gone and was added again. */
  revived: number;
  /** Jobs that were due far too late, as after a clock was set back, and run now. */
  hastened: number;
  /** Slots that nothing stood behind. */
  freed: number;
}

const PAGE = 200;

/** The queue whose job carries an item in this state; ends and pending items need none. */
function queueFor(state: ItemState): QueueName {
  return state === 'generating' ? 'poll' : state === 'downloading' ? 'download' : 'submit';
}

/**
 * Finds what crashes left between two steps: items under way without a job, jobs that would run far
 * too late, slots without a task. Everything under way stands in one set, so the cost does not grow
 * with what waits or is done. Safe at any time and by several processes at once: jobs that exist are
 * not added again, and every step asks the ledger whether it is still due.
 */
export async function reconcile(deps: ReconcileDeps): Promise<Reconciled> {
  const result: Reconciled = { checked: 0, revived: 0, hastened: 0, freed: 0 };
  for (let start = 0; ; start += PAGE) {
    const refs = await deps.redis.zrange(deps.keys.live, String(start), String(start + PAGE - 1));
    const found = await Promise.all(refs.map((ref) => mend(deps, ref)));
    result.checked += refs.length;
    result.revived += found.filter((what) => what === 'revived').length;
    result.hastened += found.filter((what) => what === 'hastened').length;
    if (refs.length < PAGE) break;
  }
  result.freed = Number(await deps.run('sweep'));
  if (result.revived + result.hastened + result.freed > 0) deps.log.info(result, 'reconciled');
  return result;
}

async function mend(deps: ReconcileDeps, ref: string): Promise<'fine' | 'revived' | 'hastened'> {
  const { batch, id } = splitRef(ref);
  const [state, number] = await deps.redis.hmget(deps.keys.item(refOf(batch, id)), 'state', 'attempt');
  if (!isState(state) || hasEnded(state)) return 'fine';
  const attempt: Attempt = { batch, id, attempt: Number(number) };
  const name = queueFor(state);
  const engine = deps.queues.engine(name);
  const job = await engine.getJob(jobIdOf(attempt));
  const jobState = job ? await job.getState() : 'unknown';
  if (jobState === 'unknown' || jobState === 'failed' || jobState === 'completed') {
    // A job that stands in no list will never run, and keeps its id from being added again.
    if (job) await job.remove().catch(() => {});
    await addJob(deps.queues, name, attempt);
    return 'revived';
  }
  const dueAt = jobState === 'delayed' ? await deps.queues.dueAt(name, attempt) : undefined;
  if (job && dueAt !== undefined && dueAt > deps.clock.now() + deps.longestWaitMs[name]) {
    await job.promote().catch(() => {});
    return 'hastened';
  }
  return 'fine';
}

function addJob(queues: Queues, name: QueueName, attempt: Attempt): Promise<void> {
  if (name === 'poll') return queues.poll(attempt, 0);
  return name === 'download' ? queues.download(attempt) : queues.submit([attempt]);
}

function isState(text: string | null | undefined): text is ItemState {
  return text !== null && text !== undefined && text !== '';
}
