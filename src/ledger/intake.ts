import { createHash } from 'node:crypto';
import { z } from 'zod';
import { namedReply, scriptJson, type RunScript } from './scripts.ts';

/** A new item; its input is opaque here. */
export interface NewItem {
  id: string;
  /** Position in the batch, from 1. Default: after the items that are there. */
  index?: number;
  /** Smaller is submitted earlier within the batch. */
  priority: number;
  provider: string;
  output: string;
  /** Whether the clip may replace a file of its name. Default false. */
  replace?: boolean;
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
  /** Items that exist already: they stay as they are. */
  existing: number;
  /** Ids of existing items whose content differs from what was submitted now. */
  changed: string[];
  /** Items that were not added, because their output name belongs to another item. */
  taken: { id: string; output: string; owner: string }[];
}

const takenOutput = z.object({ id: z.string(), output: z.string(), owner: z.string() });
/** A JSON list of items whose output names belong to other items, as the scripts return it. */
export const takenOutputs = z.string().transform((text) => z.array(takenOutput).parse(JSON.parse(text)));

/** Adds items to batches, each once. */
export interface Intake {
  /**
   * @param more whether further pages follow; until the last one the batch cannot end
   */
  add(batch: string, facts: BatchFacts, items: readonly NewItem[], more: boolean): Promise<IntakeReport>;
  /** Adds an event that a producer's job cannot be accepted. */
  reject(job: string, message: string): Promise<void>;
}

/** Items in one call: about 2 ms of Redis's time. */
export const INTAKE_PAGE = 250;

const registerReply = namedReply<IntakeReport>(
  z.object({
    added: z.coerce.number(),
    existing: z.coerce.number(),
    changed: z.string().transform((text) => z.array(z.string()).parse(JSON.parse(text))),
    taken: takenOutputs,
  }),
);

export function createIntake(run: RunScript): Intake {
  return {
    async add(batch, facts, items, more) {
      const rows = items.map((item) => {
        const input = JSON.stringify(item.input);
        return { ...item, input, hash: contentHash(item.provider, input) };
      });
      return registerReply.parse(await run('register', batch, more ? '1' : '0', scriptJson(facts), scriptJson(rows)));
    },
    async reject(job, message) {
      await run('reject', job, message);
    },
  };
}

/**
 * Returns a fingerprint of what is generated: two items with the same one make the same clip.
 * @param input the JSON of an item's input
 */
export function contentHash(provider: string, input: string): string {
  return createHash('sha256').update(`${provider}\n${input}`).digest('base64url').slice(0, 16);
}
