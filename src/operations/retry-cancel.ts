import { UserError } from '../core/errors.ts';
import type { ItemState } from '../ledger/states.ts';
import { nearest } from '../core/did-you-mean.ts';
import type { Runtime } from '../app.ts';

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
export async function retryItems(runtime: Runtime, batch: string, choice: RetryChoice): Promise<number> {
  let back = 0;
  for await (const ids of chosenIds(runtime, batch, choice.item)) {
    const result = await runtime.corrections.retry(batch, ids, { states: choice.states });
    back += result.back;
    for (const attempt of result.look) await runtime.queues.poll(attempt, 0);
    runtime.dispatcher.kick();
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
export async function cancelBatch(runtime: Runtime, batch: string, discard: boolean): Promise<CancelResult> {
  const sum: CancelResult = { cancelled: 0, going: 0 };
  await requireBatch(runtime, batch);
  // The mark alone, before any page: a large batch stops at once.
  await runtime.corrections.cancel(batch, [], discard);
  for await (const ids of runtime.reading.idPages(batch)) {
    const page = await runtime.corrections.cancel(batch, ids, discard);
    sum.cancelled += page.cancelled;
    sum.going += page.going;
  }
  return sum;
}

/** @throws UserError that names the nearest batch */
export async function requireBatch(runtime: Runtime, batch: string): Promise<void> {
  if (await runtime.reading.batch(batch)) return;
  const names = (await runtime.reading.batches()).map((known) => known.batch);
  const meant = nearest(batch, names);
  throw new UserError(`there is no batch "${batch}"`, {
    cure: meant ? `Did you mean "${meant}"?` : 'See `clipmill status` for the batches there are.',
  });
}

async function* chosenIds(runtime: Runtime, batch: string, item: string | undefined): AsyncGenerator<string[]> {
  await requireBatch(runtime, batch);
  if (item === undefined) {
    yield* runtime.reading.idPages(batch);
    return;
  }
  if (!(await runtime.reading.item(batch, item))) {
    throw new UserError(`batch "${batch}" has no item "${item}"`, {
      cure: `See \`clipmill export ${batch} --format csv\` for its items.`,
    });
  }
  yield [item];
}
