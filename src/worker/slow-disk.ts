import { formatDuration } from '../core/format.ts';
import type { Logger } from '../core/log.ts';
import type { Conditions } from '../ledger/conditions.ts';
import type { SyncListener } from '../storage/file/sync-monitor.ts';

const CURE = 'Check the disk or the network share of CLIPMILL_STORAGE; a lower CLIPMILL_DOWNLOADS may help.';

/** Records in the conditions, and logs once, that the disk takes long to store clips durably. */
export function watchDisk(conditions: Pick<Conditions, 'raise' | 'clear'>, log: Logger): SyncListener {
  let slow = false;
  return {
    slow(elapsedMs) {
      const message = `the disk is slow: a clip has waited ${formatDuration(elapsedMs)} to be durable`;
      conditions.raise('disk', message, CURE);
      if (!slow) log.warn({ elapsedMs: Math.round(elapsedMs), cure: CURE }, 'the disk is slow: downloads wait for it');
      slow = true;
    },
    recovered() {
      conditions.clear('disk');
      slow = false;
      log.info('the disk stores clips quickly again');
    },
  };
}
