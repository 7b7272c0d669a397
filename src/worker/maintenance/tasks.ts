import type { App } from '../../app.ts';
import { restoreLimits } from '../../ledger/limits.ts';
import type { ReportWriter } from '../../reports/writer.ts';
import type { Resources } from '../resources.ts';
import { probeAccount } from './account-probe.ts';
import { forgetOldBatches } from './retention.ts';
import type { MaintenanceTask } from './schedule.ts';

/** How often ended batches are purged, in milliseconds; a shorter retention is kept to its length. */
const RETENTION_EVERY_MS = 600_000;
/** How long a sweep for leftovers may take, and how old they are by then, in milliseconds. */
const SWEEP_LIMIT_MS = 30_000;
const LEFTOVER_AGE_MS = 24 * 3_600_000;

/** The periodic tasks of every worker process, in all roles. */
export function commonTasks(app: App, { api }: Pick<Resources, 'api'>, repair: () => Promise<void>): MaintenanceTask[] {
  return [
    { name: 'limits', periodMs: 5_000, scope: 'process', work: () => keepLimits(app) },
    { name: 'reconcile', periodMs: 60_000, scope: 'once', work: repair },
    { name: 'probe', periodMs: 25_000, scope: 'once', work: () => probeAccount({ ...app, api }) },
    {
      name: 'retention',
      periodMs: Math.min(RETENTION_EVERY_MS, app.config.retentionMs),
      scope: 'once',
      work: () => forgetOldBatches(app),
    },
  ];
}

/** Without limits nothing is sent: a Redis that lost its data gets them back. */
async function keepLimits({ run, config, log }: App): Promise<void> {
  if (await restoreLimits(run, config))
    log.warn('Redis has lost its data: the limits of this process are published again');
}

/** Removes unfinished files and uploads: a task for processes that download. */
export function leftoversTask(
  { log }: Pick<App, 'log'>,
  { storage: { leftovers } }: Pick<Resources, 'storage'>,
  draining: AbortSignal,
): MaintenanceTask {
  return {
    name: 'leftovers',
    periodMs: 6 * 3_600_000,
    scope: leftovers.shared ? 'once' : 'process',
    async work() {
      const signal = AbortSignal.any([draining, AbortSignal.timeout(SWEEP_LIMIT_MS)]);
      const swept = await leftovers.sweep(LEFTOVER_AGE_MS, signal);
      if (swept > 0) log.info({ swept }, 'removed unfinished files of downloads that died');
    },
  };
}

/** Writes manifests and galleries: for processes that download, since the others may not reach the storage. */
export function reportsTask(reports: ReportWriter, draining: AbortSignal): MaintenanceTask {
  return { name: 'pages', periodMs: 2_000, scope: 'process', work: () => reports.writeDue(draining) };
}
