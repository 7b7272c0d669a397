import type { Clock } from '../core/clock.ts';
import { describeError } from '../core/errors.ts';
import type { Queries } from '../ledger/queries.ts';
import type { Logger } from '../core/log.ts';
import type { RunScript } from '../ledger/scripts.ts';
import type { Storage } from '../storage/storage.ts';
import { storeBatchPages, type BatchReports } from './beside-clips.ts';
import { claimPages, KEEP_EVERY_MS, type PageClaim } from './lease.ts';

export interface PageWriterDeps {
  queries: Queries;
  run: RunScript;
  storage: Pick<Storage, 'putPage'>;
  clock: Clock;
  log: Logger;
}

/** Keeps the pages beside the clips up to date, together with the writers of other processes. */
export interface ReportWriter {
  /** Writes what is due: while batches proceed, and those that ended since. What fails is due again later. */
  writeDue(signal: AbortSignal): Promise<void>;
  /** Writes the pages of one batch, as it is now or later. @throws StorageError and what Redis throws */
  write(batch: string, signal?: AbortSignal): Promise<BatchReports>;
}

const LOOK_EVERY_MS = 100;
/** From a write that failed to the next try. */
const RETRY_MS = 30_000;

export function createReportWriter(deps: PageWriterDeps): ReportWriter {
  return {
    async writeDue(signal) {
      for (;;) {
        const claim = signal.aborted ? undefined : await claimPages(deps.run);
        if (!claim) return;
        try {
          await writeClaimed(deps, claim, signal);
        } catch (error) {
          if (signal.aborted) return;
          deps.log.warn(
            { batch: claim.batch, reason: describeError(error) },
            'manifest and gallery not written, trying again later',
          );
        }
      }
    },
    async write(batch, signal) {
      for (;;) {
        const claim = await claimPages(deps.run, batch);
        if (claim) return await writeClaimed(deps, claim, signal);
        // Another process writes it, perhaps from before the last change.
        await deps.clock.sleep(LOOK_EVERY_MS, signal);
      }
    },
  };
}

/** Writes with the claim kept alive, and gives it back whatever happens. */
async function writeClaimed(deps: PageWriterDeps, claim: PageClaim, outer?: AbortSignal): Promise<BatchReports> {
  const started = performance.now();
  const lost = new AbortController();
  const keeping = setInterval(() => {
    claim.keep().then(
      (kept) => kept || lost.abort(new Error('another process took over')),
      (error: unknown) => lost.abort(error),
    );
  }, KEEP_EVERY_MS);
  const signal = outer ? AbortSignal.any([outer, lost.signal]) : lost.signal;
  try {
    const pages = await storeBatchPages(deps.queries, deps.storage, claim.batch, signal);
    const tookMs = performance.now() - started;
    deps.log.debug({ batch: claim.batch, tookMs }, 'manifest and gallery written');
    // When Redis does not hear of it, the claim runs out by itself and they are written again.
    await claim.written(tookMs).catch(() => {});
    return pages;
  } catch (error) {
    await claim.failed(outer?.aborted ? 0 : RETRY_MS).catch(() => {});
    throw error;
  } finally {
    clearInterval(keeping);
  }
}
