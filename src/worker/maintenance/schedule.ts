import type { RunScript } from '../../ledger/scripts.ts';
import { describeError } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';

/** Something to do now and then. */
export interface MaintenanceTask {
  name: string;
  periodMs: number;
  /** Done by every process, or by one of them all in a period. */
  scope: 'process' | 'once';
  work(): Promise<void>;
}

/** How often a process looks which chores are due. */
const TICK_MS = 1_000;

/**
 * Runs chores on a timer of this process rather than as delayed jobs: a timer does not mind a clock
 * that is set, and mends the very queues that a job would wait in.
 */
export function startMaintenance(
  chores: readonly MaintenanceTask[],
  run: RunScript,
  log: Logger,
): { stop(): Promise<void> } {
  const lastRun = new Map<MaintenanceTask, number>();
  let busy: Promise<void> | undefined;

  async function tick(): Promise<void> {
    for (const chore of chores) {
      const last = lastRun.get(chore);
      if (last !== undefined && performance.now() - last < chore.periodMs) continue;
      lastRun.set(chore, performance.now());
      try {
        if (chore.scope === 'once' && (await run('claim-task', chore.name, chore.periodMs)) !== 1) continue;
        await chore.work();
      } catch (error) {
        log.warn({ chore: chore.name, reason: describeError(error) }, 'chore failed, trying again when it is due next');
      }
    }
  }

  const timer = setInterval(() => {
    busy ??= tick().finally(() => {
      busy = undefined;
    });
  }, TICK_MS);
  return {
    async stop() {
      clearInterval(timer);
      await busy;
    },
  };
}
