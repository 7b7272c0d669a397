import { UserError } from '../core/errors.ts';
import type { ItemState } from '../ledger/schema/states.ts';
import type { App } from '../app.ts';
import { requireBatch } from './arguments.ts';

/** The items to retry. */
export interface RetryChoice {
  /** States whose items are requeued. */
  states: readonly Extract<ItemState, 'failed' | 'held' | 'cancelled'>[];
  /** Only this item. */
  item?: string | undefined;
  /**
   * Pays for a new task even if an earlier one may have the clip, for example because the answers of the API about it
   * are unintelligible. Requires `item`. Default false.
   */
  anew?: boolean | undefined;
}

/**
 * Requeues ended items of a batch with a new attempt. An item whose clip was paid for and is not stored is polled again
 * instead. A held item without a known task is submitted again, which may pay for it twice: the user decides that by
 * the call. Past attempts stay in the history of the item. May be repeated, also while workers run.
 * @returns the number of requeued items
 * @throws UserError if there is no such batch or item, or for `anew` without `item`
 */
export async function retryItems(
  app: Pick<App, 'admin' | 'queries' | 'queues' | 'dispatcher'>,
  batch: string,
  choice: RetryChoice,
): Promise<number> {
  if (choice.anew && choice.item === undefined) {
    throw new UserError('a new task is paid for, so it needs a single item', {
      cure: 'Name the item: --item ID, or `item` in the library.',
    });
  }
  let back = 0;
  for await (const ids of chosenIds(app, batch, choice.item)) {
    const result = await app.admin.retry(batch, ids, { states: choice.states, anew: choice.anew });
    back += result.back;
    for (const attempt of result.poll) await app.queues.poll(attempt, 0);
    app.dispatcher.kick();
  }
  return back;
}

async function* chosenIds(
  app: Pick<App, 'queries'>,
  batch: string,
  item: string | undefined,
): AsyncGenerator<string[]> {
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
