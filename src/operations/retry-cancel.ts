import { UserError } from '../core/errors.ts';
import type { ItemState } from '../ledger/schema/states.ts';
import { nearest } from '../core/did-you-mean.ts';
import type { App } from '../app.ts';

export interface RetryChoice {
  /** States whose items go back to work. */
  states: readonly Extract<ItemState, 'failed' | 'held' | 'cancelled'>[];
  /** Only this item. */
  item?: string | undefined;
}

/**
 * Puts ended items of a batch back to work, with a new attempt each, or with another look at the task of
 * one whose clip was paid for and is not stored; past attempts stay in their history. A held item whose
 * task may have been accepted is then paid for a second time, which is why it takes somebody's word.
 * May be run twice, and while workers run.
 * @returns how many items went back
 * @throws UserError when there is no such batch or item
 */
export async function retryItems(app: App, batch: string, choice: RetryChoice): Promise<number> {
  let back = 0;
  for await (const ids of chosenIds(app, batch, choice.item)) {
    const result = await app.admin.retry(batch, ids, { states: choice.states });
    back += result.back;
    for (const attempt of result.poll) await app.queues.poll(attempt, 0);
    app.dispatcher.kick();
  }
  return back;
}

export interface CancelResult {
  /** Items that were not submitted and never will be. */
  cancelled: number;
  /** Items whose clips are being made: they are paid for, and stored unless they are discarded. */
  going: number;
}

/**
 * Cancels a batch: nothing of it is submitted from the first moment on. May be run twice.
 * @param discard also throws away the clips that are being made
 * @throws UserError when there is no such batch
 */
export async function cancelBatch(app: App, batch: string, discard: boolean): Promise<CancelResult> {
  const sum: CancelResult = { cancelled: 0, going: 0 };
  await requireBatch(app, batch);
  // The mark alone, before any page: a large batch stops at once.
  await app.admin.cancel(batch, [], discard);
  for await (const ids of app.queries.idPages(batch)) {
    const page = await app.admin.cancel(batch, ids, discard);
    sum.cancelled += page.cancelled;
    sum.going += page.going;
  }
  return sum;
}

/** @throws UserError that names the nearest batch */
export async function requireBatch(app: App, batch: string): Promise<void> {
  if (await app.queries.batch(batch)) return;
  const names = (await app.queries.batches()).map((known) => known.batch);
  const meant = nearest(batch, names);
  throw new UserError(`there is no batch "${batch}"`, {
    cure: meant ? `Did you mean "${meant}"?` : 'See `clipmill status` for the batches there are.',
  });
}

async function* chosenIds(app: App, batch: string, item: string | undefined): AsyncGenerator<string[]> {
  await requireBatch(app, batch);
  if (item === undefined) {
    yield* app.queries.idPages(batch);
    return;
  }
  if (!(await app.queries.item(batch, item))) {
    throw new UserError(`batch "${batch}" has no item "${item}"`, {
      cure: `See \`clipmill export ${batch} --format csv\` for its items.`,
    });
  }
  yield [item];
}
