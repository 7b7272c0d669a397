import type { App } from '../app.ts';
import { requireBatch } from './arguments.ts';

export interface CancelResult {
  /** Items that were cancelled before their submission. */
  cancelled: number;
  /** Items whose clips are in progress. They are paid for, and stored unless they are discarded. */
  going: number;
}

/**
 * Cancels a batch: submission of its items stops at once. May be repeated.
 * @param discard whether clips in progress are discarded as well
 * @throws UserError if there is no such batch
 */
export async function cancelBatch(
  app: Pick<App, 'admin' | 'queries'>,
  batch: string,
  discard: boolean,
): Promise<CancelResult> {
  const sum: CancelResult = { cancelled: 0, going: 0 };
  await requireBatch(app, batch);
  // Marks the batch before any item, so that a large batch stops at once.
  await app.admin.cancel(batch, [], discard);
  for await (const ids of app.queries.idPages(batch)) {
    const page = await app.admin.cancel(batch, ids, discard);
    sum.cancelled += page.cancelled;
    sum.going += page.going;
  }
  return sum;
}
