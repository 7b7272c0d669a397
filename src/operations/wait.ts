import type { Batch } from '../ledger/batch.ts';
import type { App } from '../app.ts';

const LOOK_EVERY_MS = 250;

/**
 * Resolves when all items of a batch have ended and nobody is adding to it.
 * @throws the signal's reason when it aborts first
 */
export async function batchEnd(app: App, batch: string, signal?: AbortSignal): Promise<Batch> {
  for (;;) {
    const found = await app.queries.batch(batch);
    if (found && found.endedAt !== null) return found;
    await app.clock.sleep(LOOK_EVERY_MS, signal);
  }
}
