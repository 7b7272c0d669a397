import { hasEnded, type ItemState } from '../../ledger/schema/states.ts';
import type { Attempt } from '../../ledger/attempts.ts';
import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/log.ts';
import type { RedisClient } from '../../redis/connect.ts';
import { splitRef, refOf, type Keys } from '../../ledger/schema/keys.ts';
import type { RunScript } from '../../ledger/scripts.ts';
import type { QueueName, Queues } from '../../queue/queues.ts';
import type { MaintenanceTask } from './schedule.ts';

export interface ReconcileDeps {
  redis: RedisClient;
  keys: Keys;
  run: RunScript;
  queues: Pick<Queues, 'ensure'>;
  clock: Clock;
  log: Logger;
  /** Maximum delay of a job per queue, in milliseconds. */
  maxDelayMs: Readonly<Record<QueueName, number>>;
}

export interface Reconciled {
  /** Number of items in progress that were checked. */
  checked: number;
  /** Number of missing jobs that were added. */
  added: number;
  /** Number of jobs that were due far too late, as after a clock was set back, and were promoted. */
  promoted: number;
  /** Number of slots without a task that were released. */
  released: number;
}

/** Items per page. */
const PAGE = 200;
/** Maximum backward step of the clock that counts as a correction, in milliseconds; a larger one triggers a reconcile. */
const MAX_CORRECTION_MS = 1_000;
/** Period of the check for such an event, in milliseconds: commands already sent to Redis arrive before the reconcile. */
const SETTLE_MS = 5_000;

/** Returns the queue of the job that an item in this state needs. */
function queueFor(state: ItemState): QueueName {
  return state === 'generating' ? 'poll' : state === 'downloading' ? 'download' : 'submit';
}

/**
 * Repairs the effects of crashes between two steps: items in progress without a job, jobs that would run far too late,
 * slots without a task. All items in progress are in one set, so the cost does not depend on the number of queued and
 * ended items. Safe to run at any time and concurrently: an existing job is not added again, and each step checks in
 * the ledger whether it is still due.
 */
export async function reconcile(deps: ReconcileDeps): Promise<Reconciled> {
  const result: Reconciled = { checked: 0, added: 0, promoted: 0, released: 0 };
  for (let start = 0; ; start += PAGE) {
    const refs = await deps.redis.zrange(deps.keys.live, String(start), String(start + PAGE - 1));
    const actions = await Promise.all(refs.map((ref) => ensureJob(deps, ref)));
    result.checked += refs.length;
    result.added += actions.filter((action) => action === 'added').length;
    result.promoted += actions.filter((action) => action === 'promoted').length;
    if (refs.length < PAGE) break;
  }
  result.released = Number(await deps.run('sweep'));
  if (result.added + result.promoted + result.released > 0) deps.log.info(result, 'reconciled');
  return result;
}

async function ensureJob(deps: ReconcileDeps, ref: string): Promise<'present' | 'added' | 'promoted'> {
  const { batch, id } = splitRef(ref);
  const [state, number, wake] = await deps.redis.hmget(deps.keys.item(refOf(batch, id)), 'state', 'attempt', 'wake');
  if (!isState(state) || hasEnded(state)) return 'present';
  const name = queueFor(state);
  const attempt: Attempt = { batch, id, attempt: Number(number) };
  // A callback has arrived, and the process that recorded it may have died before it promoted the job.
  const maxDelayMs = wake && state === 'generating' ? 0 : deps.maxDelayMs[name];
  return await deps.queues.ensure(name, attempt, deps.clock.now() + maxDelayMs);
}

function isState(text: string | null | undefined): text is ItemState {
  return text !== null && text !== undefined && text !== '';
}

/**
 * Creates a maintenance task that reconciles within seconds of an event that loses jobs:
 *
 * - Redis was unreachable. A command may have been executed and its reply lost with the connection. After a lost
 *   reply to a dispatch, the jobs of the items were never added and their slots are empty.
 * - This machine's clock was set back. Delayed jobs are due by the old time, which is now far in the future.
 */
export function createReconcileTrigger(
  { redis, run, clock }: { redis: Pick<RedisClient, 'on' | 'off'>; run: RunScript; clock: Clock },
  runReconcile: () => Promise<void>,
): { task: MaintenanceTask; runAtStart(): Promise<void>; stop(): void } {
  let due = false;
  const reconnected = () => {
    due = true;
  };
  redis.on('ready', reconnected);
  async function reconcileOrRetry(): Promise<void> {
    due = false;
    try {
      await runReconcile();
    } catch (error) {
      due = true;
      throw error;
    }
  }
  const offset = () => clock.now() - clock.elapsed();
  let known = offset();
  return {
    task: {
      name: 'repair-after-disturbance',
      periodMs: SETTLE_MS,
      scope: 'process',
      async work() {
        const current = offset();
        if (current < known - MAX_CORRECTION_MS) due = true;
        known = current;
        // All processes lose Redis simultaneously: one reconciles, and the others try again in the next period.
        if (!due || (await run('claim-task', 'repair-after-disturbance', SETTLE_MS)) !== 1) return;
        await reconcileOrRetry();
      },
    },
    runAtStart: reconcileOrRetry,
    stop: () => void redis.off('ready', reconnected),
  };
}
