import type { Batch } from '../ledger/batch.ts';
import type { Runtime } from '../app.ts';

const LOOK_EVERY_MS = 250;

/**
 * Resolves when all items of a batch have ended and nobody is adding to it.
 * @throws the signal's reason when it aborts first
 */
export async function batchEnd(runtime: Runtime, batch: string, signal?: AbortSignal): Promise<Batch> {
  for (;;) {
    const found = await runtime.reading.batch(batch);
    if (found && found.endedAt !== null) return found;
    await runtime.clock.sleep(LOOK_EVERY_MS, signal);
  }
}
