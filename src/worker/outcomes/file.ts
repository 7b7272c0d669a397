import { randomUUID } from 'node:crypto';
import { appendFileSync, mkdirSync, rmSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { describeError } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import type { OutcomeVerbs, PostOutcome } from './post-outcome.ts';

/** Where processes of a working folder leave outcomes that Redis did not record, a file for each process. */
export const OUTCOMES_FOLDER = join('.clipmill', 'outcomes');

const verb = z.enum(['accepted', 'notAccepted', 'rejected', 'ambiguous', 'resubmit']);

/** One line of such a file. `task` stands there for people and for `clipmill recover`; `args` holds it too. */
export const outcomeLine = z.object({
  at: z.number(),
  prefix: z.string(),
  batch: z.string(),
  id: z.string(),
  attempt: z.number().int().positive(),
  outcome: verb,
  task: z.string().optional(),
  args: z.array(z.unknown()),
});
export type OutcomeLine = z.output<typeof outcomeLine>;

/** The file of this process; it exists only while something stands in it. */
export class OutcomeFile {
  readonly path: string;
  readonly #prefix: string;
  readonly #log: Logger;
  #used = false;

  constructor(folder: string, prefix: string, log: Logger) {
    this.path = join(folder, `${process.pid}-${randomUUID().slice(0, 8)}.jsonl`);
    this.#prefix = prefix;
    this.#log = log;
  }

  /** Synchronous, as the process may be about to end. Where the folder takes no file, the log keeps the lines. */
  append(outcomes: readonly (PostOutcome & { at: number })[]): void {
    const lines = outcomes.map(({ attempt, verb: outcome, args, at }): OutcomeLine => {
      const task = z.tuple([z.object({ taskId: z.string() })]).safeParse(args).data?.[0].taskId;
      return { at, prefix: this.#prefix, ...attempt, outcome, ...(task && { task }), args: [...args] };
    });
    try {
      mkdirSync(dirname(this.path), { recursive: true, mode: 0o700 });
      this.#used = true;
      appendFileSync(this.path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''), { mode: 0o600 });
    } catch (error) {
      for (const line of lines) this.#log.error({ ...line, reason: describeError(error) }, 'outcome not recorded');
    }
  }

  /** Everything in it is recorded. */
  remove(): void {
    if (this.#used) rmSync(this.path, { force: true });
    this.#used = false;
  }
}

/** Outcomes of processes that ended before Redis recorded them. Lines that cannot be read are left out. */
export async function readOutcomes(folder: string): Promise<{ path: string; lines: OutcomeLine[] }[]> {
  const names = await readdir(folder).catch(() => []);
  const files = names.filter((name) => name.endsWith('.jsonl')).map((name) => join(folder, name));
  return await Promise.all(
    files.map(async (path) => {
      const text = await readFile(path, 'utf8').catch(() => '');
      const lines = text.split('\n').flatMap((line) => {
        try {
          return [outcomeLine.parse(JSON.parse(line))];
        } catch {
          return [];
        }
      });
      return { path, lines };
    }),
  );
}

/** Records the outcomes of a folder that are of this prefix. Safe to repeat: the ledger checks each transition. */
export async function replayOutcomes(folder: string, prefix: string, verbs: OutcomeVerbs, log: Logger): Promise<void> {
  for (const { path, lines } of await readOutcomes(folder)) {
    if (lines.length === 0 || lines.some((line) => line.prefix !== prefix)) continue;
    let recorded = 0;
    for (const { batch, id, attempt, outcome, args } of lines) {
      const record = verbs[outcome] as (of: object, ...args: readonly unknown[]) => Promise<{ result: string }>;
      const { result } = await record({ batch, id, attempt }, ...args);
      if (result === 'moved') recorded += 1;
    }
    await rm(path, { force: true });
    log.info({ recorded, of: lines.length, file: path }, 'recorded answers of the API that an earlier process had');
  }
}
