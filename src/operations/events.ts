import { z } from 'zod';
import { streamEvent, type StreamEvent } from '../ledger/event.ts';
import { duplicateRedis } from '../redis/connect.ts';
import type { App } from '../app.ts';
import type { Batch } from '../ledger/batch.ts';

/** An event with its position in the stream. */
export interface Completion {
  /** Id of the entry; pass it as `after` to continue after it. */
  id: string;
  event: StreamEvent;
}

/** Longest blocking read, in milliseconds. */
const BLOCK_MS = 5_000;
/** Maximum number of entries of one read. */
const PAGE = 500;

const reply = z.array(z.tuple([z.string(), z.array(z.tuple([z.string(), z.array(z.string())]))])).nullable();

/**
 * Yields the ends of items and batches as they happen, until the signal aborts. Entries stay in the stream, so that
 * each of several readers gets all of them.
 * @param after id of the entry before the first one; `$` (default) for new entries only, `0` for all that are kept
 */
export async function* readEvents(
  app: Pick<App, 'keys' | 'redis'>,
  after = '$',
  signal?: AbortSignal,
): AsyncGenerator<Completion> {
  // A blocking read occupies its connection.
  const redis = duplicateRedis(app.redis);
  redis.on('error', () => {});
  const stop = () => redis.disconnect();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    let last = after === '$' ? await lastId(app) : after;
    while (!signal?.aborted) {
      const streams = reply.parse(
        await redis.xread('COUNT', PAGE, 'BLOCK', BLOCK_MS, 'STREAMS', app.keys.events, last),
      );
      for (const [id, fields] of streams?.[0]?.[1] ?? []) {
        last = id;
        yield { id, event: streamEvent.parse(JSON.parse(fields[fields.indexOf('data') + 1] ?? 'null')) };
      }
    }
  } catch (error) {
    if (!signal?.aborted) throw error;
  } finally {
    signal?.removeEventListener('abort', stop);
    redis.disconnect();
  }
}

/** Returns the id of the last entry. Reading from `$` each time would skip the entries between two reads. */
async function lastId(app: Pick<App, 'keys' | 'redis'>): Promise<string> {
  const [entry] = await app.redis.xrevrange(app.keys.events, '+', '-', 'COUNT', 1);
  return entry?.[0] ?? '0';
}

/** Interval at which the batch is read, in milliseconds. */
const CHECK_INTERVAL_MS = 250;

/**
 * Resolves when all items of a batch have ended and no submission adds to it.
 * @throws the signal's reason if it aborts first
 */
export async function batchEnd(
  app: Pick<App, 'clock' | 'queries'>,
  batch: string,
  signal?: AbortSignal,
): Promise<Batch> {
  for (;;) {
    const found = await app.queries.batch(batch);
    if (found && found.endedAt !== null) return found;
    await app.clock.sleep(CHECK_INTERVAL_MS, signal);
  }
}
