import { apiOf, type Config } from '../config/config.ts';
import type { Clock } from '../core/clock.ts';
import { describeError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { Installation } from '../ledger/installation.ts';
import type { Queries } from '../ledger/queries.ts';
import type { RunScript } from '../ledger/scripts.ts';
import type { Storage } from '../storage/storage.ts';
import { storeReports, type BatchReports } from './batch-reports.ts';
import { claimFolder, folderNames } from './folder-marker.ts';
import { acquireLease, RENEW_EVERY_MS, type ReportLease } from './lease.ts';

export interface ReportWriterDeps {
  config: Pick<Config, 'baseUrl'>;
  installation: Pick<Installation, 'id'>;
  queries: Pick<Queries, 'items' | 'folder'>;
  run: RunScript;
  storage: Pick<Storage, 'overwrite' | 'read' | 'locate' | 'create' | 'stat'>;
  clock: Clock;
  log: Logger;
}

/** Keeps the reports of batches up to date, sharing the work with other processes by leases. */
export interface ReportWriter {
  /** Writes all reports that are due. A report that fails becomes due again later. */
  writeDue(signal: AbortSignal): Promise<void>;
  /** Writes the reports of one batch, with its current state or a later one. @throws StorageError, and errors of Redis */
  write(batch: string, signal?: AbortSignal): Promise<BatchReports>;
}

/** Interval between attempts to acquire a lease that another process holds, in milliseconds. */
const POLL_MS = 100;
/** Delay between a failed write and the next attempt, in milliseconds. */
const RETRY_MS = 30_000;

export function createReportWriter(deps: ReportWriterDeps): ReportWriter {
  const reported = new Set<string>();
  const write = (lease: ReportLease, signal?: AbortSignal) => writeLeased(deps, reported, lease, signal);
  return {
    async writeDue(signal) {
      for (;;) {
        const lease = signal.aborted ? undefined : await acquireLease(deps.run);
        if (!lease) return;
        try {
          await write(lease, signal);
        } catch (error) {
          if (signal.aborted) return;
          deps.log.warn(
            { batch: lease.batch, reason: describeError(error) },
            'manifest and gallery not written, trying again',
          );
        }
      }
    },
    async write(batch, signal) {
      for (;;) {
        const lease = await acquireLease(deps.run, batch);
        if (lease) return await write(lease, signal);
        // Another process is writing, possibly without the latest changes.
        await deps.clock.sleep(POLL_MS, signal);
      }
    },
  };
}

/** Writes the reports while renewing the lease, and releases it in any case. */
async function writeLeased(
  deps: ReportWriterDeps,
  reported: Set<string>,
  lease: ReportLease,
  outer?: AbortSignal,
): Promise<BatchReports> {
  const started = performance.now();
  const lost = new AbortController();
  const renewing = setInterval(() => {
    lease.renew().then(
      (held) => held || lost.abort(new Error('another process took over the lease')),
      (error: unknown) => lost.abort(error),
    );
  }, RENEW_EVERY_MS);
  const signal = outer ? AbortSignal.any([outer, lost.signal]) : lost.signal;
  try {
    const names = await reportNames(deps, reported, lease.batch, signal);
    const reports = await storeReports(deps.queries, deps.storage, lease.batch, names, signal);
    const tookMs = performance.now() - started;
    deps.log.debug({ batch: lease.batch, tookMs }, 'manifest and gallery written');
    // If Redis does not record this, the lease expires and the reports are written again.
    await lease.written(tookMs).catch(() => {});
    return reports;
  } catch (error) {
    await lease.failed(outer?.aborted ? 0 : RETRY_MS).catch(() => {});
    throw error;
  } finally {
    clearInterval(renewing);
  }
}

/**
 * Returns the names of the reports: the usual ones, or others if the folder holds reports of another installation, or
 * rows that this ledger has not adopted. Such a manifest may be the only record of clips that were paid for.
 */
async function reportNames(
  { config, installation, queries, run, storage, log }: ReportWriterDeps,
  reported: Set<string>,
  batch: string,
  signal: AbortSignal,
): Promise<BatchReports> {
  const [id, { adopting, known, source }] = await Promise.all([installation.id(), queries.folder(batch)]);
  if (adopting)
    throw new Error('the adoption of clips of an earlier run is not complete: submit the batch again to complete it');
  const { manifest, gallery } = folderNames(batch);
  const marker = { clipmill: 1 as const, installation: id, batch, source, api: apiOf(config) };
  if (await claimFolder(storage, marker, known, signal)) {
    // Recorded before the first manifest: if the process died in between, the folder would appear to be another's.
    if (!known) await run('folder-known', batch);
    return { manifest, gallery };
  }
  const suffix = `-${id.slice(0, 8)}`;
  const names = { manifest: withSuffix(manifest, suffix), gallery: withSuffix(gallery, suffix) };
  if (!reported.has(batch)) {
    reported.add(batch);
    log.warn(
      { batch, ...names },
      'the folder holds reports of another installation: reports are written under other names',
    );
  }
  return names;
}

/** `b/index.html` to `b/index-3f9a12cd.html`. */
function withSuffix(name: string, suffix: string): string {
  const dot = name.lastIndexOf('.');
  return `${name.slice(0, dot)}${suffix}${name.slice(dot)}`;
}
