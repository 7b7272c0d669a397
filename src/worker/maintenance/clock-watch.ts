import type { Clock } from '../../core/clock.ts';
import type { RedisClient } from '../../redis/connect.ts';
import type { RunScript } from '../../ledger/scripts.ts';
import type { MaintenanceTask } from './schedule.ts';

/** A clock that goes back by less was corrected, not set back; in milliseconds. */
const STEP_MS = 1_000;
/** After a disturbance: time for commands on their way to Redis to arrive there, in milliseconds; also between two repairs. */
const SETTLE_MS = 5_000;

/**
 * Repairs soon after an event that is known to lose jobs, instead of at the next full minute:
 *
 * - Redis was away and is back. A command may have been executed and its reply lost with the connection,
 *   such as the dispatch of items: their jobs were never added, and their slots stay empty.
 * - This machine's clock was set back. Delayed jobs are due by the old time, which is far ahead now.
 */
export function repairAfterDisturbance(
  { redis, run, clock }: { redis: Pick<RedisClient, 'on' | 'off'>; run: RunScript; clock: Clock },
  repair: () => Promise<void>,
): { task: MaintenanceTask; repairAtStart(): Promise<void>; stop(): void } {
  let disturbed = false;
  const reconnected = () => {
    disturbed = true;
  };
  redis.on('ready', reconnected);
  async function repairOrRetry(): Promise<void> {
    disturbed = false;
    try {
      await repair();
    } catch (error) {
      disturbed = true;
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
        if (current < known - STEP_MS) disturbed = true;
        known = current;
        // Many processes lose the same Redis at once: one of them repairs, and the others check again.
        if (!disturbed || (await run('claim-task', 'repair-after-disturbance', SETTLE_MS)) !== 1) return;
        await repairOrRetry();
      },
    },
    repairAtStart: repairOrRetry,
    stop: () => void redis.off('ready', reconnected),
  };
}
