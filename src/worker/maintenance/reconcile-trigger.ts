import type { Clock } from '../../core/clock.ts';
import type { RedisClient } from '../../redis/connect.ts';
import type { RunScript } from '../../ledger/scripts.ts';
import type { MaintenanceTask } from './schedule.ts';

/** Maximum backward correction of a clock that is not a change of its time, in milliseconds. */
const MAX_CORRECTION_MS = 1_000;
/** Period of the check, in milliseconds: commands already sent to Redis arrive before the reconcile. */
const SETTLE_MS = 5_000;

/**
 * Creates a maintenance task that reconciles within seconds of an event that loses jobs:
 *
 * - Redis was unreachable. A command may have been executed and its reply lost with the connection. After a lost
 *   reply to a dispatch, the jobs of the items were never added and their slots are empty.
 * - This machine's clock was set back. Delayed jobs are due by the old time, which is now far in the future.
 */
export function createReconcileTrigger(
  { redis, run, clock }: { redis: Pick<RedisClient, 'on' | 'off'>; run: RunScript; clock: Clock },
  reconcile: () => Promise<void>,
): { task: MaintenanceTask; runAtStart(): Promise<void>; stop(): void } {
  let due = false;
  const reconnected = () => {
    due = true;
  };
  redis.on('ready', reconnected);
  async function reconcileOrRetry(): Promise<void> {
    due = false;
    try {
      await reconcile();
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
