import { z } from 'zod';
import { foldedName } from '../core/folded-name.ts';
import { attemptList, type Attempt } from './attempt.ts';
import { contentHash, takenOutputs, type BatchFacts, type NewItem, type TakenOutput } from './new-item.ts';
import type { PastAttempt } from './item.ts';
import { namedReply, scriptJson, type RunScript } from './scripts.ts';
import type { EndState } from './schema/states.ts';

/** An item that has a clip or a task already, from another ledger. */
export interface AdoptedItem extends Omit<NewItem, 'index' | 'replace'> {
  state: 'generating' | EndState;
  /** Number of its latest attempt. */
  attempt: number;
  /** Submissions that were accepted or may have been; they count toward the budget of the batch. */
  posted: number;
  history: readonly PastAttempt[];
  /** Further output names of the item. */
  names: readonly string[];
  /** Further fields of the item's hash; those that are `undefined` are not written. */
  fields: Readonly<Record<string, string | number | undefined>>;
}

export interface AdoptionReport {
  adopted: number;
  /** Items that exist already, which stay unchanged. */
  existing: number;
  /** Attempts whose task is due for a poll. */
  poll: Attempt[];
  /** Items that were not adopted because their output name cannot be used. */
  taken: TakenOutput[];
}

/**
 * The place of a page in an adoption: `more` (pages follow; the manifest is not replaced yet), `last`, or `close` (the
 * last page, after which the batch may end). `part`: items of a batch whose folder is not adopted.
 */
export type AdoptionStage = 'more' | 'last' | 'close' | 'part';

/** Adds items that exist at the API or in the storage already, each once and without a submission. */
export interface Adoption {
  add(batch: string, facts: BatchFacts, items: readonly AdoptedItem[], stage: AdoptionStage): Promise<AdoptionReport>;
}

const adoptReply = namedReply<AdoptionReport>(
  z.object({
    adopted: z.coerce.number(),
    existing: z.coerce.number(),
    poll: attemptList,
    taken: takenOutputs,
  }),
);

export function createAdoption(run: RunScript): Adoption {
  return {
    async add(batch, facts, items, stage) {
      const rows = items.map(({ history, fields, ...item }) => {
        const input = JSON.stringify(item.input);
        const lines = history.map((attempt) => `${JSON.stringify(attempt)}\n`).join('');
        const further = { ...fields, ...(lines !== '' && { history: lines }) };
        const flat = Object.entries(further).flatMap(([name, value]) => (value === undefined ? [] : [name, value]));
        const names = item.names.map(foldedName);
        const folded = foldedName(item.output);
        return {
          ...item,
          names,
          folded,
          input,
          hash: contentHash(item.provider, input),
          tasks: item.posted,
          fields: flat,
        };
      });
      return adoptReply.parse(await run('adopt', batch, stage, scriptJson(facts), scriptJson(rows)));
    },
  };
}
