import type { RunScript } from '../../ledger/scripts.ts';
import { describeError } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';

/** Work that is due every so often. */
export interface MaintenanceTask {
  name: string;
  periodMs: number;
  /** Done by every process, or by one of all processes in a period. */
  scope: 'process' | 'once';
  work(): Promise<void>;
}

/** How often a process checks which tasks are due. */
const TICK_MS = 1_000;

/**
 * Runs maintenance tasks on a timer of this process rather than as delayed jobs: a timer is not affected by
 * a clock that is set, and repairs the very queues that a job would wait in.
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
          'maintenance task failed, trying again when it is due next',
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
