import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { namedReply, type RunScript } from '../ledger/scripts.ts';

/** The right to write the reports of a batch, held by one writer at a time as long as it renews it. */
export interface ReportLease {
  batch: string;
  /** The change of the batch that reports written from now on show, with all before it. */
  revision: string;
  /** @returns whether the lease is still held */
  renew(): Promise<boolean>;
  /** Releases the lease after a write; the time that it took decides how soon the next one may be. */
  written(tookMs: number): Promise<void>;
  /** Releases the lease without a write; the batch is due again after `delayMs`. */
  failed(delayMs: number): Promise<void>;
}

/** Time after which a writer that died is replaced; a live one renews its lease three times as often. */
const LEASE_MS = 10_000;
export const RENEW_EVERY_MS = LEASE_MS / 3;

const acquired = namedReply(z.object({ batch: z.string(), revision: z.string() }).partial());

/**
 * Acquires the lease of a batch whose reports are due, or of the named one, due or not.
 * @returns `undefined` when none is due, or another process holds the lease
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
