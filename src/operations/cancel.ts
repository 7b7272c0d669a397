import type { App } from '../app.ts';
import { requireBatch } from './arguments.ts';

export interface CancelResult {
  /** Items that were not submitted, and will not be. */
  cancelled: number;
  /** Items whose clips are being made. They are paid for, and stored unless they are discarded. */
  going: number;
}

/**
 * Cancels a batch. Submission of its items stops at once. May be called twice.
 * @param discard whether clips that are being made are discarded as well
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
