import { z } from 'zod';
import type { RunScript } from './scripts.ts';
import { splitRef } from './keys.ts';
import type { Attempt } from './attempts.ts';
import type { ItemState } from './states.ts';

/** What a user changes by hand, a page of items at a time. Every verb may be run twice, and while workers run. */
export interface Admin {
  /** Puts ended items back to work. @returns how many, and the attempts whose task is looked at again. */
  retry(
    batch: string,
    ids: readonly string[],
    which: { states: readonly ItemState[]; code?: string },
  ): Promise<{ back: number; look: Attempt[] }>;
  /** Cancels what is not submitted; with `discard` also what is being made. */
  cancel(batch: string, ids: readonly string[], discard: boolean): Promise<{ cancelled: number; going: number }>;
  /** Forgets a page of a batch that ended more than `ageMs` ago. @returns the items left; `undefined`: not due. */
  purge(batch: string, ageMs: number): Promise<number | undefined>;
}

const PURGE_PAGE = 200;

const retryReply = z.tuple([z.number(), z.string()]);
const lookAgain = z.array(z.object({ ref: z.string(), attempt: z.number() }));
const cancelReply = z.tuple([z.number(), z.number()]);

export function createAdmin(run: RunScript): Admin {
  return {
    async retry(batch, ids, which) {
      const [back, look] = retryReply.parse(await run('retry', batch, JSON.stringify(ids), JSON.stringify(which)));
      return {
        back,
        look: lookAgain.parse(JSON.parse(look)).map(({ ref, attempt }) => ({ ...splitRef(ref), attempt })),
      };
    },
    async cancel(batch, ids, discard) {
      const [cancelled, going] = cancelReply.parse(
        await run('cancel', batch, JSON.stringify(ids), discard ? '1' : '0'),
      );
      return { cancelled, going };
    },
    async purge(batch, ageMs) {
      const left = z.number().parse(await run('purge', batch, ageMs, PURGE_PAGE));
      return left < 0 ? undefined : left;
    },
  };
}
