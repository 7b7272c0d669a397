import { z } from 'zod';
import type { itemFields } from './schema/fields.ts';
import { itemStates } from './schema/states.ts';
import { wholeItem, type SharedFields } from './compact.ts';

/** An attempt that ended without a clip: it failed, or it is unknown whether it was accepted. */
export const pastAttempt = z.object({
  attempt: z.number(),
  task: z.string().optional(),
  postedAt: z.number().optional(),
  endedAt: z.number(),
  code: z.string().optional(),
  message: z.string().optional(),
});
export type PastAttempt = z.output<typeof pastAttempt>;

/** Parses past attempts, one JSON object per line. */
export function pastAttempts(lines: string): PastAttempt[] {
  const filled = lines.split('\n').filter((line) => line !== '');
  return filled.map((line) => pastAttempt.parse(JSON.parse(line)));
}

/** Clips beyond the first, where a task made several. */
export const moreFiles = z.array(
  z.object({ output: z.string(), location: z.string(), size: z.number(), sha256: z.string() }),
);

const optionalNumber = z.coerce.number().optional();

/** The hash of an item, with strings as values. Times are Unix ms of Redis's clock. */
const storedItem = z.object({
  state: z.enum(itemStates),
  index: z.coerce.number(),
  priority: z.coerce.number(),
  provider: z.string(),
  input: z.string().transform((text): unknown => JSON.parse(text)),
  output: z.string(),
  hash: z.string().optional(),
  kind: z.string().optional(),
  attempt: z.coerce.number(),
  at: z.coerce.number(),
  task: z.string().optional(),
  postedAt: optionalNumber,
  endedAt: optionalNumber,
  code: z.string().optional(),
  message: z.string().optional(),
  urls: z
    .string()
    .transform((text) => z.array(z.string()).parse(JSON.parse(text)))
    .optional(),
  location: z.string().optional(),
  storedAs: z.string().optional(),
  storedAsReason: z.string().optional(),
  size: optionalNumber,
  sha256: z.string().optional(),
  more: z
    .string()
    .transform((text) => moreFiles.parse(JSON.parse(text)))
    .optional(),
  history: z.string().default('').transform(pastAttempts),
} satisfies Partial<Record<keyof typeof itemFields, z.ZodType>>);

/** One clip of a batch. */
export interface Item extends z.output<typeof storedItem> {
  batch: string;
  id: string;
}

/**
 * Parses an item.
 * @param shared fields of the batch, read no earlier than the item
 * @returns `undefined` for an empty hash: there is no such item
 */
export function parseItem(
  batch: string,
  id: string,
  hash: Record<string, string>,
  shared: SharedFields,
): Item | undefined {
  if (Object.keys(hash).length === 0) return undefined;
  return { batch, id, ...storedItem.parse(wholeItem(batch, id, hash, shared)) };
}
