import type { App } from '../../app.ts';
import type { Config } from '../../config/config.ts';
import type { Logger } from '../../core/log.ts';
import type { Admin } from '../../ledger/admin.ts';
import { restoreLimits } from '../../ledger/limits.ts';
import type { Queries } from '../../ledger/queries.ts';
import type { ReportWriter } from '../../reports/writer.ts';
import type { Resources } from '../resources.ts';
import { probeAccount } from './account-probe.ts';
import type { MaintenanceTask } from './schedule.ts';

/** Maximum period of the purge of ended batches, in milliseconds; a shorter retention is the period itself. */
const MAX_PURGE_PERIOD_MS = 600_000;
/** Time limit of a sweep for unfinished files, in milliseconds. */
const SWEEP_LIMIT_MS = 30_000;
/** Minimum age of the files that a sweep removes, in milliseconds. */
const LEFTOVER_AGE_MS = 24 * 3_600_000;

/** Returns the periodic tasks of worker processes in all roles. */
export function commonTasks(
  app: App,
  { api }: Pick<Resources, 'api'>,
  reconcile: () => Promise<void>,
): MaintenanceTask[] {
  return [
    { name: 'limits', periodMs: 5_000, scope: 'process', work: () => restoreLostLimits(app) },
    { name: 'reconcile', periodMs: 60_000, scope: 'once', work: reconcile },
    { name: 'probe', periodMs: 25_000, scope: 'once', work: () => probeAccount({ ...app, api }) },
    {
      name: 'retention',
      periodMs: Math.min(MAX_PURGE_PERIOD_MS, app.config.retentionMs),
      scope: 'once',
      work: () => purgeEndedBatches(app),
    },
  ];
}

/** Publishes the limits again in a Redis that has lost its data: without limits no request is sent. */
async function restoreLostLimits({ run, config, log }: App): Promise<void> {
  if (await restoreLimits(run, config))
    log.warn('Redis has lost its data: the limits of this process are published again');
}

export interface RetentionDeps {
  queries: Pick<Queries, 'endedBatches'>;
  admin: Pick<Admin, 'purge' | 'trimEvents'>;
  config: Pick<Config, 'retentionMs'>;
  log: Logger;
}

/**
 * Trims the stream of events and deletes the batches whose retention is over, in pages, so that no call blocks Redis
 * for long. Their clips remain in the storage; submitting their files again adopts them.
 */
export async function purgeEndedBatches({ queries, admin, config, log }: RetentionDeps): Promise<void> {
  await admin.trimEvents();
  for (const batch of await queries.endedBatches()) {
    let left = await admin.purge(batch, config.retentionMs);
    // Batches are ordered by their end: all others ended later.
    if (left === 'too-young') return;
    while (typeof left === 'number' && left > 0) left = await admin.purge(batch, config.retentionMs);
    if (left === 0) log.info({ batch }, 'deleted a batch whose retention is over');
  }
}

/** Returns the task that removes unfinished files and uploads, for processes that download. */
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
      if (swept > 0) log.info({ swept }, 'removed unfinished files of interrupted downloads');
    },
  };
}

/** Returns the task that writes manifests and galleries, for processes that download: others may not reach the storage. */
export function reportsTask(reports: ReportWriter, draining: AbortSignal): MaintenanceTask {
  return { name: 'reports', periodMs: 2_000, scope: 'process', work: () => reports.writeDue(draining) };
}
