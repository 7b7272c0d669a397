import { z } from 'zod';
import type { batchFields } from './schema/fields.ts';
import { itemStates, type ItemState } from './schema/states.ts';

const count = z.coerce.number().default(0);

const countNames = ['total', ...itemStates] as const;

const storedCounts = z.object(
  Object.fromEntries(countNames.map((name) => [name, count])) as Record<(typeof countNames)[number], typeof count>,
);

/** Numbers of items of a batch, in total and by state; the states add up to the total. */
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
  /** Numbers of items that failed or are held, by code. */
  failures: Record<string, number>;
  /** Unix ms of Redis's clock. */
  createdAt: number;
  /** When the last item ended; `null` while any item has not ended. */
  endedAt: number | null;
  cancelledAt: number | null;
  /** Whether items are still being added. */
  open: boolean;
  /** The budget: the maximum number of submissions that may be accepted. */
  maxClips: number | null;
  /** The source that set the budget. */
  budgetSource: string | null;
  /** Submissions that were accepted or may have been. */
  posted: number;
  /** The file that the batch came from. */
  source: string | null;
}

/** Returns a batch without items: it has ended, and the ledger does not have it. */
export function emptyBatch(batch: string, now: number): Batch {
  const counts = storedCounts.parse({});
  const none = { cancelledAt: null, maxClips: null, budgetSource: null, source: null };
  return { batch, counts, failures: {}, createdAt: now, endedAt: now, open: false, posted: 0, ...none };
}

/** Parses a batch; returns `undefined` for an empty hash, when there is no such batch. */
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
