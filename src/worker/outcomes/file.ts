import { randomUUID } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { copyFile, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { describeError } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import type { Attempt } from '../../ledger/attempts.ts';
import type { MoveReply } from '../../ledger/attempt-replies.ts';
import { isUnplaced, type OutcomeVerbs, type PostOutcome } from './post-outcome.ts';

/** Where processes of a working folder leave outcomes that Redis did not record, a file for each process. */
export const OUTCOMES_FOLDER = join('.clipmill', 'outcomes');

/** How long a task that Redis has no attempt for is kept, in milliseconds: by then its result is gone. */
const KEPT_MS = 30 * 86_400_000;

const verb = z.enum(['accepted', 'notAccepted', 'rejected', 'ambiguous', 'resubmit']);

/** One line of such a file. `task` stands there for people and for `clipmill recover`; `args` holds it too. */
export const outcomeLine = z.object({
  at: z.number(),
  prefix: z.string(),
  batch: z.string(),
  id: z.string(),
  attempt: z.number().int().positive(),
  tryId: z.string().optional(),
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

/** Outcomes of processes that ended before Redis recorded them; `torn`: whether a line of the file cannot be read. */
export async function readOutcomes(folder: string): Promise<{ path: string; lines: OutcomeLine[]; torn: boolean }[]> {
  const names = await readdir(folder).catch(() => []);
  const files = names.filter((name) => name.endsWith('.jsonl')).map((name) => join(folder, name));
  return await Promise.all(
    files.map(async (path) => {
      const text = await readFile(path, 'utf8').catch(() => '');
      const lines = linesOf(text);
      return { path, lines, torn: lines.length < text.split('\n').filter((line) => line.trim() !== '').length };
    }),
  );
}

function linesOf(text: string): OutcomeLine[] {
  return text.split('\n').flatMap((line) => {
    try {
      return [outcomeLine.parse(JSON.parse(line))];
    } catch {
      return [];
    }
  });
}

/**
 * Records the outcomes of a folder that are of this prefix. Safe to repeat: the ledger checks each transition. A task
 * that Redis has no attempt for stays in its file, for a later start or `clipmill recover`.
 */
export async function replayOutcomes(folder: string, prefix: string, verbs: OutcomeVerbs, log: Logger): Promise<void> {
  for (const { path, lines, torn } of await readOutcomes(folder)) {
    if (lines.some((line) => line.prefix !== prefix)) continue;
    if (torn) await keepTorn(path, log);
    if (lines.length === 0) continue;
    const unplaced: OutcomeLine[] = [];
    let recorded = 0;
    for (const line of lines) {
      const { batch, id, attempt, tryId, outcome, args } = line;
      const record = verbs[outcome] as (of: Attempt, ...args: readonly unknown[]) => Promise<MoveReply>;
      const reply = await record({ batch, id, attempt, ...(tryId && { tryId }) }, ...args);
      if (reply.result === 'moved') recorded += 1;
      if (isUnplaced(outcome, reply) && Date.now() - line.at < KEPT_MS) unplaced.push(line);
    }
    for (const { batch, id, attempt, task } of unplaced) {
      log.error(
        { batch, id, attempt, task, file: path, cure: 'Run `clipmill recover`.' },
        'Redis does not know the item of a task that is paid for',
      );
    }
    if (unplaced.length < lines.length) await replaceLines(path, lines, unplaced);
    log.info({ recorded, of: lines.length, file: path }, 'recorded answers of the API that an earlier process had');
  }
}

/** Copies a file with a line that cannot be read to a name that is not read again. */
async function keepTorn(path: string, log: Logger): Promise<void> {
  const kept = `${path}.torn`;
  if (existsSync(kept)) return;
  await copyFile(path, kept);
  log.warn(
    { file: kept, cure: 'Compare the end of that file with the tasks that the API lists for the account.' },
    'an answer of the API was being written here when its process died: its item is held, and its task may be paid for',
  );
}

/** The process that the file belongs to may live, and have added to it meanwhile: then it stays as it is. */
async function replaceLines(
  path: string,
  before: readonly OutcomeLine[],
  after: readonly OutcomeLine[],
): Promise<void> {
  if (linesOf(await readFile(path, 'utf8').catch(() => '')).length !== before.length) return;
  if (after.length === 0) return await rm(path, { force: true });
  await writeFile(`${path}.new`, after.map((line) => `${JSON.stringify(line)}\n`).join(''), { mode: 0o600 });
  await rename(`${path}.new`, path);
}
