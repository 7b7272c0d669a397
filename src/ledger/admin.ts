import { z } from 'zod';
import { namedReply, scriptJson, type RunScript } from './scripts.ts';
import { attemptList, type Attempt } from './attempt.ts';
import type { ItemState } from './schema/states.ts';

/** Operations of the user, on a page of items at a time. Each may run twice, and while workers run. */
export interface Admin {
  /**
   * Requeues ended items; an item whose task may have a clip is polled first, unless `anew` is set.
   * @returns the number of items, and the attempts to poll
   */
  retry(
    batch: string,
    ids: readonly string[],
    which: { states: readonly ItemState[]; code?: string; anew?: boolean | undefined },
  ): Promise<{ back: number; poll: Attempt[] }>;
  /** Cancels items that are not submitted; with `discard` also those whose clip is being made. */
  cancel(batch: string, ids: readonly string[], discard: boolean): Promise<{ cancelled: number; going: number }>;
  /** Deletes a page of a batch that ended more than `ageMs` ago. */
  purge(batch: string, ageMs: number): Promise<Purged>;
  /** Removes the oldest acknowledged events beyond the number that is kept. @returns how many */
  trimEvents(): Promise<number>;
}

/** Number of items that remain; `too-young`: the batch ended too recently; `slots-held`: a task of it may still run. */
export type Purged = number | 'too-young' | 'slots-held';

const PURGE_PAGE = 200;

const retryReply = namedReply(z.object({ back: z.coerce.number(), poll: attemptList }));
const cancelReply = namedReply(z.object({ cancelled: z.coerce.number(), going: z.coerce.number() }));

export function createAdmin(run: RunScript): Admin {
  return {
    async retry(batch, ids, which) {
      return retryReply.parse(await run('retry', batch, scriptJson(ids), scriptJson(which)));
    },
    async cancel(batch, ids, discard) {
      return cancelReply.parse(await run('cancel', batch, scriptJson(ids), discard ? '1' : '0'));
    },
    trimEvents: async () => z.number().parse(await run('trim-events')),
    async purge(batch, ageMs) {
      const left = z.number().parse(await run('purge', batch, ageMs, PURGE_PAGE));
      return left === -1 ? 'too-young' : left === -2 ? 'slots-held' : left;
    },
  };
}
