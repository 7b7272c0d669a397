import type { Batch } from '../ledger/batch.ts';
import type { App } from '../app.ts';

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
