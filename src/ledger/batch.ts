import { z } from 'zod';
import type { batchFields } from './schema/fields.ts';
import { itemStates, type ItemState } from './schema/states.ts';

const count = z.coerce.number().default(0);

const countNames = ['total', ...itemStates] as const;

const storedCounts = z.object(
  Object.fromEntries(countNames.map((name) => [name, count])) as Record<(typeof countNames)[number], typeof count>,
);

/** How many items of a batch there are, and in which state; the states add up to the total. */
export type Counts = Record<'total' | ItemState, number>;

const storedBatch = storedCounts.extend({
  createdAt: z.coerce.number(),
  endedAt: z.coerce.number().optional(),
  cancelledAt: z.coerce.number().optional(),
  open: z.string().optional(),
  maxClips: z.coerce.number().optional(),
  posted: count,
  budgetSource: z.string().optional(),
  source: z.string().optional(),
} satisfies Partial<Record<keyof typeof batchFields, z.ZodType>>);

export interface Batch {
  batch: string;
  counts: Counts;
  /** Items that failed or are held, by code. */
  failures: Record<string, number>;
  /** Unix ms of Redis's clock. */
  createdAt: number;
  /** When the last item ended; `null` while there is something to do. */
  endedAt: number | null;
  cancelledAt: number | null;
  /** Whether items are still being added. */
  open: boolean;
  /** The budget: submissions that may be accepted at most. */
  maxClips: number | null;
  /** Where the budget comes from. */
  budgetSource: string | null;
  /** Submissions that were accepted or may have been. */
  posted: number;
  /** The file it came from. */
  source: string | null;
}

/** A batch that nothing was submitted to: it has ended, and the ledger does not have it. */
export function emptyBatch(batch: string, now: number): Batch {
  const counts = storedCounts.parse({});
  const none = { cancelledAt: null, maxClips: null, budgetSource: null, source: null };
  return { batch, counts, failures: {}, createdAt: now, endedAt: now, open: false, posted: 0, ...none };
}

/** @returns `undefined` for an empty hash: there is no such batch. */
export function parseBatch(
  batch: string,
  hash: Record<string, string>,
  codes: Record<string, string>,
): Batch | undefined {
  if (Object.keys(hash).length === 0) return undefined;
  const stored = storedBatch.parse(hash);
  return {
    batch,
    counts: storedCounts.parse(stored),
    failures: Object.fromEntries(Object.entries(codes).map(([code, items]) => [code, Number(items)])),
    createdAt: stored.createdAt,
    endedAt: stored.endedAt ?? null,
    cancelledAt: stored.cancelledAt ?? null,
    open: stored.open === '1',
    maxClips: stored.maxClips ?? null,
    budgetSource: stored.budgetSource ?? null,
    posted: stored.posted,
    source: stored.source ?? null,
  };
}
