import type { App } from '../app.ts';
import { UserError } from '../core/errors.ts';
import { formatBytes, plural } from '../core/format.ts';
import { constants } from '../ledger/schema/constants.ts';
import { readConfigBytes, readRedisFacts } from '../redis/facts.ts';
import type { Job } from '../jobs/job.ts';

/** Number of new items from which a submission reports the Redis memory that it needs. */
const LARGE = 50_000;
/** Bytes of an item as a listpack, with its entries in other keys. */
const LISTPACK_BYTES = 450;
/** Bytes of an item as a hash table, its encoding if a value exceeds `hash-max-listpack-value`. */
const TABLE_BYTES = 1_000;
/** Bytes of an entry in the event stream. */
const EVENT_BYTES = 400;

/** New items of one submission. */
export interface NewItems {
  count: number;
  /** Mean bytes of an input as JSON. */
  inputBytes: number;
  /** Mean bytes of an id plus its output name. */
  nameBytes: number;
}

/**
 * Estimates the peak Redis memory of new items, in bytes, to within 25 %. It includes their events.
 * @param listpackValue `hash-max-listpack-value` of Redis, in bytes
 */
export function redisBytes({ count, inputBytes, nameBytes }: NewItems, listpackValue: number): number {
  const base = inputBytes > listpackValue ? TABLE_BYTES : LISTPACK_BYTES;
  // The names are in the item, its key, `outputs`, `items` and `pending`. Allocations are rounded up by a tenth.
  return count * (base + 1.1 * inputBytes + 3 * nameBytes) + Math.min(count, constants.eventsKept) * EVENT_BYTES;
}

/** New items of one preview, with the sums of their bytes. */
interface Previewed extends Omit<NewItems, 'count'> {
  added: number;
}

/** Sums up the new items of previewed submissions. */
export function newItemsOf(previews: readonly Previewed[]): NewItems {
  const count = sum(previews, 'added');
  const mean = (field: 'inputBytes' | 'nameBytes') => (count === 0 ? 0 : sum(previews, field) / count);
  return { count, inputBytes: mean('inputBytes'), nameBytes: mean('nameBytes') };
}

/**
 * Checks that new items fit into the memory of Redis.
 * @returns the memory that a large submission needs, as a line of text
 * @throws UserError if `maxmemory` leaves less than they need
 */
export async function requireRedisMemory(app: Pick<App, 'redis'>, items: NewItems): Promise<string | undefined> {
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
  const need = `${plural(count, 'new clip')} ${count === 1 ? 'needs' : 'need'} about ${formatBytes(needed)} of Redis memory`;
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

/** Returns the bytes of a job in Redis: those of its input as JSON, and those of its id plus its output name. */
export function sizeOf({ id, output, input }: Pick<Job, 'id' | 'output' | 'input'>): Omit<NewItems, 'count'> {
  return {
    inputBytes: Buffer.byteLength(JSON.stringify(input)),
    nameBytes: Buffer.byteLength(id) + Buffer.byteLength(output),
  };
}

function sum(previews: readonly Previewed[], field: keyof Previewed): number {
  return previews.reduce((total, preview) => total + preview[field], 0);
}

/** Number of jobs between two checks of a stream. */
const CHECK_INTERVAL = 10_000;

/**
 * Checks that a stream of jobs fits into the memory of Redis while it is read: before the first job, then every 10,000
 * jobs. The rest is assumed to resemble the jobs so far, and to be as many if the number is unknown.
 */
export class StreamMemoryCheck {
  readonly #app: Pick<App, 'redis'>;
  readonly #total: number;
  readonly #new = { count: 0, inputBytes: 0, nameBytes: 0 };
  #read = 0;
  #nextCheck = 1;

  /** @param total number of jobs in the stream, if known; they may make more clips. Default: unknown */
  constructor(app: Pick<App, 'redis'>, total = 0) {
    this.#app = app;
    this.#total = total;
  }

  /**
   * Counts a page of jobs, of which `fresh` are not in the ledger. Call it before they are submitted.
   * @throws UserError if Redis lacks memory for the jobs that are not yet submitted
   */
  async require(page: readonly Job[], fresh: readonly Job[]): Promise<void> {
    this.#read += page.length;
    this.#new.count += fresh.length;
    for (const job of fresh) {
      const { inputBytes, nameBytes } = sizeOf(job);
      this.#new.inputBytes += inputBytes;
      this.#new.nameBytes += nameBytes;
    }
    if (this.#read < this.#nextCheck || this.#new.count === 0) return;
    this.#nextCheck = this.#read + CHECK_INTERVAL;
    const ahead = page.length + Math.max(this.#total - this.#read, Math.min(this.#read - page.length, CHECK_INTERVAL));
    const { count, inputBytes, nameBytes } = this.#new;
    await requireRedisMemory(this.#app, {
      count: Math.ceil((ahead * count) / this.#read),
      inputBytes: inputBytes / count,
      nameBytes: nameBytes / count,
    });
  }
}
