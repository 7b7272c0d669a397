import type { Clock } from '../../core/clock.ts';
import type { RedisClient } from '../../redis/connect.ts';
import type { RunScript } from '../../ledger/scripts.ts';
import type { MaintenanceTask } from './schedule.ts';

/** A clock that is corrected bit by bit is not set back. */
const STEP_MS = 1_000;
/** After a disturbance: time for what was still on its way to Redis to arrive there; also between two rounds. */
const SETTLE_MS = 5_000;

/**
 * Mends soon after what is known to leave jobs behind, instead of at the next full minute:
 *
 * - Redis was away and is back. A command may have been done whose answer was lost with its
 *   connection, such as handing out items: their jobs were never added, and their slots stand empty.
 * - This machine's clock was set back. Delayed jobs are due by the old time, which is far off now.
 */
export function mendAfterDisturbance(
  { redis, run, clock }: { redis: Pick<RedisClient, 'on' | 'off'>; run: RunScript; clock: Clock },
  mend: () => Promise<void>,
): { chore: MaintenanceTask; stop(): void } {
  let disturbed = false;
  const reconnected = () => {
    disturbed = true;
  };
  redis.on('ready', reconnected);
  const offset = () => clock.now() - clock.elapsed();
  let known = offset();
  return {
    chore: {
      name: 'mend-after-disturbance',
      periodMs: SETTLE_MS,
      scope: 'process',
      async work() {
        const current = offset();
        if (current < known - STEP_MS) disturbed = true;
        known = current;
        // Many processes lose one Redis together: one of them mends, and the others look again.
        if (!disturbed || (await run('claim-task', 'mend-after-disturbance', SETTLE_MS)) !== 1) return;
        disturbed = false;
        await mend();
      },
    },
    stop: () => void redis.off('ready', reconnected),
  };
}
