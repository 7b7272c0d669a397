import type { App } from '../app.ts';
import { UserError } from '../core/errors.ts';
import { formatBytes, plural } from '../core/format.ts';
import { constants } from '../ledger/schema/constants.ts';
import { readConfigBytes, readRedisFacts } from '../redis/facts.ts';
import type { Job } from '../jobs/job.ts';

/** New items from which on a submission reports what it needs of Redis memory. */
const LARGE = 50_000;
/** Of a hash of an item as one block, and as a table where a value exceeds `hash-max-listpack-value`; with its entries elsewhere. */
const BLOCK_BYTES = 450;
const TABLE_BYTES = 1_000;
/** An entry of the stream of events. */
const EVENT_BYTES = 400;

/** New items of one submission. */
export interface NewItems {
  count: number;
  /** Mean bytes of the JSON of an input. */
  inputBytes: number;
  /** Mean bytes of id and output name together. */
  nameBytes: number;
}

/**
 * Estimates the most Redis memory that new items need at any time, in bytes, within a quarter: while they wait, and
 * once their events are in the stream.
 * @param listpackValue `hash-max-listpack-value` of Redis
 */
export function redisBytes({ count, inputBytes, nameBytes }: NewItems, listpackValue: number): number {
  const base = inputBytes > listpackValue ? TABLE_BYTES : BLOCK_BYTES;
  // The names are in the item and its key, in `outputs`, `items` and `pending`; allocations are rounded up by a tenth.
  return count * (base + 1.1 * inputBytes + 3 * nameBytes) + Math.min(count, constants.eventsKept) * EVENT_BYTES;
}

/** New items of one preview: their number, and bytes in all. */
interface Previewed extends Omit<NewItems, 'count'> {
  added: number;
}

/** The new items of previewed submissions. */
export function newItemsOf(previews: readonly Previewed[]): NewItems {
  const count = sum(previews, 'added');
  const mean = (field: 'inputBytes' | 'nameBytes') => (count === 0 ? 0 : sum(previews, field) / count);
  return { count, inputBytes: mean('inputBytes'), nameBytes: mean('nameBytes') };
}

/**
 * Checks that new items fit into Redis.
 * @returns what a large submission needs, as a line for people
 * @throws UserError when `maxmemory` leaves less than they need
 */
export async function requireRedisRoom(app: Pick<App, 'redis'>, items: NewItems): Promise<string | undefined> {
  const { count } = items;
  if (count === 0) return undefined;
  const [facts, listpackValue] = await Promise.all([
    readRedisFacts(app.redis),
    readConfigBytes(app.redis, 'hash-max-listpack-value'),
  ]);
  const needed = redisBytes(items, listpackValue ?? constants.pieceBytes);
  const { usedBytes = 0, maxBytes } = facts;
  const limited = maxBytes !== undefined && maxBytes > 0;
  const free = limited ? Math.max(0, maxBytes - usedBytes) : undefined;
  const need = `${plural(count, 'new clip')} need about ${formatBytes(needed)} of Redis memory`;
  if (limited && free !== undefined && needed > free) {
    throw new UserError(`${need}, and its maxmemory of ${formatBytes(maxBytes)} leaves ${formatBytes(free)}`, {
      cure:
        `Raise maxmemory to ${formatBytes(1.1 * (usedBytes + needed))} or more, submit fewer jobs at a time, or shorten ` +
        'CLIPMILL_RETENTION, after which ended batches are deleted.',
    });
  }
  if (count < LARGE) return undefined;
  return free === undefined ? need : `${need}; ${formatBytes(free)} are free`;
}

/** What a job takes in Redis: bytes of the JSON of its input, and of its id and output name together. */
export function sizeOf({ id, output, input }: Pick<Job, 'id' | 'output' | 'input'>): Omit<NewItems, 'count'> {
  return {
    inputBytes: Buffer.byteLength(JSON.stringify(input)),
    nameBytes: Buffer.byteLength(id) + Buffer.byteLength(output),
  };
}

function sum(previews: readonly Previewed[], field: keyof Previewed): number {
  return previews.reduce((total, preview) => total + preview[field], 0);
}
