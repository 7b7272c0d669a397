import type { RunScript } from '../../ledger/scripts.ts';
import { describeError } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';

/** A periodic task. */
export interface MaintenanceTask {
  name: string;
  periodMs: number;
  /** `process`: runs in every process. `once`: runs in one of all processes per period. */
  scope: 'process' | 'once';
  work(): Promise<void>;
}

/** Interval of the check for due tasks, in milliseconds. */
const TICK_MS = 1_000;

/**
 * Runs maintenance tasks on a timer of this process. Delayed jobs would be unsuitable: a change of the clock affects
 * them, and they would wait in the queues that maintenance repairs.
 */
export function startMaintenance(
  tasks: readonly MaintenanceTask[],
  run: RunScript,
  log: Logger,
): { stop(): Promise<void> } {
  const lastRun = new Map<MaintenanceTask, number>();
  let busy: Promise<void> | undefined;

  async function tick(): Promise<void> {
    for (const task of tasks) {
      const last = lastRun.get(task);
      if (last !== undefined && performance.now() - last < task.periodMs) continue;
      lastRun.set(task, performance.now());
      try {
        if (task.scope === 'once' && (await run('claim-task', task.name, task.periodMs)) !== 1) continue;
        await task.work();
      } catch (error) {
        log.warn(
          { task: task.name, reason: describeError(error) },
          'maintenance task failed, trying again in its next period',
        );
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
