import type { App } from '../app.ts';
import { requireBatch } from './arguments.ts';

export interface CancelResult {
  /** Items that were not submitted and never will be. */
  cancelled: number;
  /** Items whose clips are being made: they are paid for, and stored unless they are discarded. */
  going: number;
}

/**
 * Cancels a batch: from the first moment on, nothing of it is submitted. May be called twice.
 * @param discard also drops the clips that are being made
 * @throws UserError when there is no such batch
 */
export async function cancelBatch(
  app: Pick<App, 'admin' | 'queries'>,
  batch: string,
  discard: boolean,
): Promise<CancelResult> {
  const sum: CancelResult = { cancelled: 0, going: 0 };
  await requireBatch(app, batch);
  // The mark alone, before any items: a large batch stops at once.
  await app.admin.cancel(batch, [], discard);
  for await (const ids of app.queries.idPages(batch)) {
    const page = await app.admin.cancel(batch, ids, discard);
    sum.cancelled += page.cancelled;
    sum.going += page.going;
  }
  return sum;
}
