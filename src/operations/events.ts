import { z } from 'zod';
import { streamEvent, type StreamEvent } from '../ledger/event.ts';
import { duplicateRedis } from '../redis/connect.ts';
import type { App } from '../app.ts';
import type { Batch } from '../ledger/batch.ts';

/** An event with its place in the stream, from which reading can continue. */
export interface Completion {
  /** The entry's id; give it as `after` to continue behind it. */
  id: string;
  event: StreamEvent;
}

const BLOCK_MS = 5_000;
const PAGE = 500;

const reply = z.array(z.tuple([z.string(), z.array(z.tuple([z.string(), z.array(z.string())]))])).nullable();

/**
 * Yields ends of items and batches as they happen, for ever or until the signal aborts. Entries stay in the
 * stream, so several readers each get all of them.
 * @param after the id behind which to begin; `$` (default): new entries only; `0`: all that are kept
 */
export async function* readEvents(
  app: Pick<App, 'keys' | 'redis'>,
  after = '$',
  signal?: AbortSignal,
): AsyncGenerator<Completion> {
  // A blocked connection can do nothing else.
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

/** `$` would mean the end of the stream at each read, and skip the entries in between. */
async function lastId(app: Pick<App, 'keys' | 'redis'>): Promise<string> {
  const [entry] = await app.redis.xrevrange(app.keys.events, '+', '-', 'COUNT', 1);
  return entry?.[0] ?? '0';
}

/** Between two reads of the batch, in milliseconds. */
const CHECK_EVERY_MS = 250;

/**
 * Resolves when all items of a batch have ended and no submission adds to it.
 * @throws the signal's reason when it aborts first
 */
export async function batchEnd(
  app: Pick<App, 'clock' | 'queries'>,
  batch: string,
  signal?: AbortSignal,
): Promise<Batch> {
  for (;;) {
    const found = await app.queries.batch(batch);
    if (found && found.endedAt !== null) return found;
    await app.clock.sleep(CHECK_EVERY_MS, signal);
  }
}
