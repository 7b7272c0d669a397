import { z } from 'zod';
import type { RedisClient } from '../redis/connect.ts';
import { refOf, type Keys } from './schema/keys.ts';
import { parseBatch, type Batch } from './batch.ts';
import { sharedFields } from './compact.ts';
import { parseItem, type Item } from './item.ts';

/** The state of a batch's folder in the storage, according to the ledger. */
export interface BatchFolderState {
  /** Whether the ledger has the batch. */
  exists: boolean;
  /** Whether everything in it is in this ledger. */
  known: boolean;
  /** Whether an adoption of its items has begun and not ended. */
  adopting: boolean;
  source: string | null;
}

/** Reads the ledger; changes nothing. */
export interface Queries {
  /** Returns all batches, oldest first. */
  batches(): Promise<Batch[]>;
  /** Returns the names of the 500 batches that ended first, in the order of their ends. */
  endedBatches(): Promise<string[]>;
  batch(batch: string): Promise<Batch | undefined>;
  /** Returns the state of a batch's folder in the storage. */
  folder(batch: string): Promise<BatchFolderState>;
  item(batch: string, id: string): Promise<Item | undefined>;
  /** Yields all items of a batch in their order, read in pages: memory does not grow with the batch. */
  items(batch: string): AsyncIterable<Item>;
  /** Yields the ids of a batch's items in their order, in pages. */
  idPages(batch: string): AsyncIterable<string[]>;
}

const PAGE = 500;

export function createQueries(redis: RedisClient, keys: Keys): Queries {
  const hash = z.record(z.string(), z.string());
  const fieldValues = z.array(z.string().nullable());

  async function readBatch(batch: string): Promise<Batch | undefined> {
    const [stored, codes] = await Promise.all([redis.hgetall(keys.batch(batch)), redis.hgetall(keys.codes(batch))]);
    return parseBatch(batch, stored, codes);
  }

  async function* idPages(batch: string): AsyncIterable<string[]> {
    for (let start = 0; ; start += PAGE) {
      const ids = await redis.lrange(keys.items(batch), start, start + PAGE - 1);
      if (ids.length > 0) yield ids;
      if (ids.length < PAGE) return;
    }
  }

  async function* readItems(batch: string, ids: readonly string[]): AsyncGenerator<Item> {
    const pipeline = redis.pipeline();
    for (const id of ids) pipeline.hgetall(keys.item(refOf(batch, id)));
    // Read last: an item that omits shared fields was stored after them.
    const replies = (await pipeline.hmget(keys.batch(batch), ...sharedFields).exec()) ?? [];
    for (const [error] of replies) if (error) throw error;
    const values = fieldValues.parse(replies.pop()?.[1]);
    const shared = Object.fromEntries(sharedFields.map((name, index) => [name, values[index] ?? undefined]));
    for (const [index, [, reply]] of replies.entries()) {
      const item = parseItem(batch, ids[index] ?? '', hash.parse(reply), shared);
      if (item) yield item;
    }
  }

  return {
    idPages,
    batch: readBatch,
    async folder(batch) {
      const key = keys.batch(batch);
      const fields = ['createdAt', 'pagesAt', 'folderKnown', 'adopting', 'source'] as const;
      const [createdAt, writtenAt, known, adopting, source] = await redis.hmget(key, ...fields);
      return {
        exists: Boolean(createdAt),
        known: Boolean(writtenAt ?? known),
        adopting: Boolean(adopting),
        source: source ?? null,
      };
    },
    async batches() {
      const found: Batch[] = [];
      for (let start = 0; ; start += PAGE) {
        const names = await redis.zrange(keys.batches, String(start), String(start + PAGE - 1));
        for (const batch of await Promise.all(names.map(readBatch))) if (batch) found.push(batch);
        if (names.length < PAGE) return found;
      }
    },
    endedBatches: () => redis.zrange(keys.ended, '0', String(PAGE - 1)),
    async item(batch, id) {
      for await (const item of readItems(batch, [id])) return item;
      return undefined;
    },
    async *items(batch) {
      for await (const ids of idPages(batch)) yield* readItems(batch, ids);
    },
  };
}
