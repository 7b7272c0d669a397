import { createHash } from 'node:crypto';
import { z } from 'zod';
import { foldedName } from '../core/folded-name.ts';
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

/**
 * Why a name cannot be used: another item has it; it is a folder of names; a folder of it is a clip; or it lies in the
 * folder of another batch.
 */
const obstacles = ['name', 'folder', 'inside', 'batch'] as const;

/** Facts of a batch that come with its items. */
export interface BatchFacts {
  model: string;
  /** The budget. Without it the budget of the batch stays as it is. */
  maxClips?: number | undefined;
  /** Where the items come from. A budget is changed only by the source that set it. */
  source?: string | undefined;
  /** Id of the queue job that submits. Changed items add an event, and no name may lie in the folder of another batch. */
  producer?: string;
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
  /** Items that were not added, because their output name cannot be used. */
  taken: TakenOutput[];
}

const takenOutput = z.object({ id: z.string(), output: z.string(), why: z.enum(obstacles), owner: z.string() });
/** A JSON list of items whose output names cannot be used, as the scripts return it. */
export const takenOutputs = z.string().transform((text) => z.array(takenOutput).parse(JSON.parse(text)));
export type TakenOutput = z.output<typeof takenOutput>;

const takenBecause: Readonly<Record<TakenOutput['why'], (owner: string) => string>> = {
  name: (owner) => `belongs to ${owner} already`,
  folder: () => 'is the folder of other clips',
  inside: (owner) => `needs a folder of the name of a clip, that of ${owner}`,
  batch: (owner) => `lies in the folder of another batch, ${owner}`,
};

/** What is wrong with a name that cannot be used, and what to do. */
export function takenMessage({ output, why, owner }: TakenOutput): string {
  return `"${output}" ${takenBecause[why](owner)}: choose another output, such as {batch}/{id}.mp4`;
}

/** Thrown where a batch has a budget from another source, and this one asks for another figure. Nothing was changed. */
export class BudgetConflict extends Error {
  override readonly name = 'BudgetConflict';
  readonly budget: number;
  readonly source: string | undefined;

  constructor(budget: number, source: string | undefined) {
    super(`the batch has a budget of ${budget} from ${source ?? 'another submission'}`);
    this.budget = budget;
    this.source = source;
  }
}

/** Adds items to batches, each once. */
export interface Intake {
  /**
   * @param more whether further pages follow; until the last one the batch cannot end
   * @throws BudgetConflict
   */
  add(batch: string, facts: BatchFacts, items: readonly NewItem[], more: boolean): Promise<IntakeReport>;
  /** Adds an event that a producer's job cannot be accepted. */
  reject(job: string, message: string, of: { batch?: string | undefined; id?: string | undefined }): Promise<void>;
}

/** Items in one call: about 2 ms of Redis's time. */
export const INTAKE_PAGE = 250;

const registerReply = namedReply<IntakeReport | { budget: number; budgetSource?: string | undefined }>(
  z.union([
    z.object({ budget: z.coerce.number(), budgetSource: z.string().optional() }),
    z.object({
      added: z.coerce.number(),
      existing: z.coerce.number(),
      changed: z.string().transform((text) => z.array(z.string()).parse(JSON.parse(text))),
      taken: takenOutputs,
    }),
  ]),
);

export function createIntake(run: RunScript): Intake {
  return {
    async add(batch, facts, items, more) {
      const rows = items.map((item) => {
        const input = JSON.stringify(item.input);
        return { ...item, input, folded: foldedName(item.output), hash: contentHash(item.provider, input) };
      });
      const reply = registerReply.parse(
        await run('register', batch, more ? '1' : '0', scriptJson(facts), scriptJson(rows)),
      );
      if ('budget' in reply) throw new BudgetConflict(reply.budget, reply.budgetSource);
      return reply;
    },
    async reject(job, message, { batch = '', id = '' }) {
      await run('reject', job, message, batch, id);
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
