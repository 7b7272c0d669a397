import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { namedReply, type RunScript } from '../ledger/scripts.ts';

/** The exclusive right to write the reports of a batch, held as long as the writer renews it. */
export interface ReportLease {
  batch: string;
  /** Revision of the batch at the time of the lease: reports written under it include all changes up to this one. */
  revision: string;
  /** @returns whether the lease is still held */
  renew(): Promise<boolean>;
  /** Releases the lease after a write of `tookMs` milliseconds, which determines when the next one may begin. */
  written(tookMs: number): Promise<void>;
  /** Releases the lease without a write; the batch is due again after `delayMs` milliseconds. */
  failed(delayMs: number): Promise<void>;
}

/** Lifetime of a lease without renewal, in milliseconds; a live writer renews it at a third of that. */
const LEASE_MS = 10_000;
export const RENEW_EVERY_MS = LEASE_MS / 3;

const acquired = namedReply(z.object({ batch: z.string(), revision: z.string() }).partial());

/**
 * Acquires the lease of a batch whose reports are due, or of the named batch, due or not.
 * @returns `undefined` if no batch is due, or another process holds the lease
 */
export async function acquireLease(run: RunScript, named = ''): Promise<ReportLease | undefined> {
  const writer = randomUUID();
  const { batch, revision } = acquired.parse(await run('reports-claim', writer, LEASE_MS, named));
  if (batch === undefined || revision === undefined) return undefined;
  return {
    batch,
    revision,
    renew: async () => (await run('reports-keep', writer, batch, LEASE_MS)) === 1,
    async written(tookMs) {
      await run('reports-done', writer, batch, revision, Math.ceil(tookMs));
    },
    async failed(delayMs) {
      await run('reports-done', writer, batch, '', delayMs);
    },
  };
}
