import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { namedReply, type RunScript } from '../ledger/scripts.ts';

/** The right to write the pages of a batch, held by one writer at a time as long as it keeps it. */
export interface PageClaim {
  batch: string;
  /** What is read from now on shows this change of the batch, and all before it. */
  revision: string;
  /** @returns whether the claim still holds */
  keep(): Promise<boolean>;
  /** Gives it back after a write; how long that took decides how soon the next one may be. */
  written(tookMs: number): Promise<void>;
  /** Gives it back without a write, to be tried by anybody after `delayMs`. */
  failed(delayMs: number): Promise<void>;
}

/** A writer that died is replaced after this long; one that lives renews its claim three times as often. */
const LEASE_MS = 10_000;
export const KEEP_EVERY_MS = LEASE_MS / 3;

const claimed = namedReply(z.object({ batch: z.string(), revision: z.string() }).partial());

/**
 * NameTable a batch whose pages are behind and due, or the one that is named, due or not.
 * @returns `undefined` when none is due, or somebody else writes it
 */
export async function claimPages(run: RunScript, named = ''): Promise<PageClaim | undefined> {
  const writer = randomUUID();
  const { batch, revision } = claimed.parse(await run('reports-claim', writer, LEASE_MS, named));
  if (batch === undefined || revision === undefined) return undefined;
  return {
    batch,
    revision,
    keep: async () => (await run('reports-keep', writer, batch, LEASE_MS)) === 1,
    async written(tookMs) {
      await run('reports-done', writer, batch, revision, Math.ceil(tookMs));
    },
    async failed(delayMs) {
      await run('reports-done', writer, batch, '', delayMs);
    },
  };
}
