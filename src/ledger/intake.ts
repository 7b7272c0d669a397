import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { RunScript } from './scripts.ts';

/** An item as it comes in; what it asks for is opaque here. */
export interface NewItem {
  id: string;
  /** Its place in the batch, from 1; without one it comes after those that are there. */
  index?: number;
  /** Smaller runs sooner within the batch. */
  priority: number;
  provider: string;
  output: string;
  input: object;
}

/** Facts of a batch that come with its items. */
export interface BatchFacts {
  model: string;
  /** The budget; `false` for none; without it the budget stays as it is. */
  maxClips?: number | false | undefined;
  source?: string | undefined;
  /**
   * When this submission began, Unix ms of Redis's clock: items that are new take back a cancellation
   * from before that, and one that came since holds for them as well. Default: now.
   */
  since?: number;
}

export interface IntakeReport {
  added: number;
  /** Items that were there already: they stay as they are. */
  existing: number;
  /** Ids of existing items that now ask for something else. */
  changed: string[];
  /** Items that were not added, because their output name belongs to another item. */
  taken: { id: string; output: string; owner: string }[];
}

/** Adds items to batches, each once. */
export interface Intake {
  /**
   * @param more whether further pages follow; until the last one the batch cannot end
   */
  add(batch: string, facts: BatchFacts, items: readonly NewItem[], more: boolean): Promise<IntakeReport>;
  /** Tells whoever reads the events that a producer's job could not be taken. */
  reject(job: string, message: string): Promise<void>;
}

/** Items in one call: about 2 ms of Redis's time. */
export const INTAKE_PAGE = 250;

const reply = z.tuple([z.number(), z.number(), z.string(), z.string()]);
const changedIds = z.array(z.string());
const takenOutputs = z.array(z.object({ id: z.string(), output: z.string(), owner: z.string() }));

export function createIntake(run: RunScript): Intake {
  return {
    async add(batch, facts, items, more) {
      const rows = items.map((item) => {
        const input = JSON.stringify(item.input);
        return { ...item, input, hash: fingerprint(item, input) };
      });
      const [added, existing, changed, taken] = reply.parse(
        await run('register', batch, more ? '1' : '0', JSON.stringify(facts), JSON.stringify(rows)),
      );
      return {
        added,
        existing,
        changed: changedIds.parse(JSON.parse(changed)),
        taken: takenOutputs.parse(JSON.parse(taken)),
      };
    },
    async reject(job, message) {
      await run('reject', job, message);
    },
  };
}

/** What would be generated: two items with one fingerprint give the same clip. */
function fingerprint(item: NewItem, input: string): string {
  return createHash('sha256').update(`${item.provider}\n${input}`).digest('base64url').slice(0, 16);
}
