import { z } from 'zod';
import { createAdoption } from './adoption.ts';
import type { Attempt } from './attempt.ts';
import { contentHash, takenOutputs, type BatchFacts, type NewItem, type TakenOutput } from './new-item.ts';
import { parseOrphan, resumedItem, type Orphan } from './orphans.ts';
import { foldedName } from '../core/folded-name.ts';
import { namedReply, scriptJson, type RunScript } from './scripts.ts';

export { contentHash, takenMessage, type BatchFacts, type NewItem, type TakenOutput } from './new-item.ts';

export interface IntakeReport {
  added: number;
  /** Items that exist already, which stay unchanged. */
  existing: number;
  /** Ids of existing items whose content differs from what was submitted now. */
  changed: string[];
  /** Items that were not added because their output name cannot be used. */
  taken: TakenOutput[];
  /** Items whose earlier submission Redis had lost and a log has: they get that submission, and are not posted again. */
  resumed: number;
  /** Attempts of resumed items whose task is due for a poll. */
  poll: Attempt[];
}

/** Thrown when a batch has another budget, from another source. Nothing was changed. */
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
  /** Adds an event that a producer's job was rejected. */
  reject(job: string, message: string, of: { batch?: string | undefined; id?: string | undefined }): Promise<void>;
}

/** Items per call: about 2 ms of Redis's time. */
export const INTAKE_PAGE = 250;

type Registered = Pick<IntakeReport, 'added' | 'existing' | 'changed' | 'taken'> & { orphans: Map<string, Orphan> };

const ids = z.array(z.string());
const orphanPairs = z.array(z.tuple([z.string(), z.string()]));

const registerReply = namedReply<Registered | { budget: number; budgetSource?: string | undefined }>(
  z.union([
    z.object({ budget: z.coerce.number(), budgetSource: z.string().optional() }),
    z.object({
      added: z.coerce.number(),
      existing: z.coerce.number(),
      changed: z.string().transform((text) => ids.parse(JSON.parse(text))),
      taken: takenOutputs,
      orphans: z
        .string()
        .transform((text) => orphanPairs.parse(JSON.parse(text)))
        .transform((pairs) => new Map(pairs.map(([id, text]) => [id, parseOrphan(text)]))),
    }),
  ]),
);

export function createIntake(run: RunScript): Intake {
  const adoption = createAdoption(run);

  async function adoptOrphans(
    batch: string,
    facts: BatchFacts,
    items: readonly NewItem[],
    { orphans, ...report }: Registered,
  ): Promise<IntakeReport> {
    const resumed = items.flatMap((item) => {
      const orphan = orphans.get(item.id);
      return orphan ? [resumedItem(item, orphan)] : [];
    });
    if (resumed.length === 0) return { ...report, resumed: 0, poll: [] };
    const { adopted, existing, poll, taken } = await adoption.add(batch, facts, resumed, 'part');
    return {
      ...report,
      existing: report.existing + existing,
      taken: [...report.taken, ...taken],
      resumed: adopted,
      poll,
    };
  }

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
      return await adoptOrphans(batch, facts, items, reply);
    },
    async reject(job, message, { batch = '', id = '' }) {
      await run('reject', job, message, batch, id);
    },
  };
}
