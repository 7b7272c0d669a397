import { randomUUID } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { copyFile, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { describeError } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import { isOrphan, recordOutcome, type OutcomeRecorder, type SubmissionOutcome } from './submission-outcome.ts';

/** Folder for the outcomes that Redis has not recorded, below the working folder; it has one file per process. */
export const OUTCOMES_FOLDER = join('.clipmill', 'outcomes');

/** Retention of an orphan in its file, in milliseconds: by then the API has deleted the result. */
const ORPHAN_MS = 30 * 86_400_000;

const method = z.enum(['accepted', 'notAccepted', 'rejected', 'ambiguous', 'resubmit']);

/** One outcome per line. `task`, which `args` contains too, is for people and `clipmill recover`. */
export const outcomeLine = z.object({
  at: z.number(),
  prefix: z.string(),
  batch: z.string(),
  id: z.string(),
  attempt: z.number().int().positive(),
  tryId: z.string().optional(),
  outcome: method,
  task: z.string().optional(),
  args: z.array(z.unknown()),
});
export type OutcomeLine = z.output<typeof outcomeLine>;

/** The outcomes file of this process. It exists only while it contains outcomes. */
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

  /**
   * Appends outcomes synchronously, because the process may be about to end. If the file cannot be written, logs them
   * instead.
   */
  append(outcomes: readonly (SubmissionOutcome & { at: number })[]): void {
    const lines = outcomes.map(({ attempt, method: outcome, args, at }): OutcomeLine => {
      const task = z.tuple([z.object({ taskId: z.string() })]).safeParse(args).data?.[0].taskId;
      return { at, prefix: this.#prefix, ...attempt, outcome, ...(task && { task }), args: [...args] };
    });
    try {
      mkdirSync(dirname(this.path), { recursive: true, mode: 0o700 });
      this.#used = true;
      appendFileSync(this.path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''), { mode: 0o600 });
    } catch (error) {
      for (const line of lines)
        this.#log.error(
          { ...line, reason: describeError(error) },
          'could not write the outcome of a submission to its file: this line is its only record',
        );
    }
  }

  /** Removes the file. Call it when all its outcomes are recorded. */
  remove(): void {
    if (this.#used) rmSync(this.path, { force: true });
    this.#used = false;
  }
}

/** Reads the outcomes of all processes of a working folder. `torn` is true for a file with a line that is unreadable. */
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
 * Records the outcomes of this prefix that earlier processes could not record. Safe to repeat. Orphans remain in their
 * file, for a later start or `clipmill recover`.
 */
export async function replayOutcomes(
  folder: string,
  prefix: string,
  ledger: OutcomeRecorder,
  log: Logger,
): Promise<void> {
  for (const { path, lines, torn } of await readOutcomes(folder)) {
    if (lines.some((line) => line.prefix !== prefix)) continue;
    if (torn) await copyTorn(path, log);
    if (lines.length === 0) continue;
    const orphans: OutcomeLine[] = [];
    let recorded = 0;
    for (const line of lines) {
      const { batch, id, attempt: number, tryId, outcome, args } = line;
      const attempt = { batch, id, attempt: number, ...(tryId && { tryId }) };
      const reply = await recordOutcome(ledger, { attempt, method: outcome, args });
      if (reply.result === 'moved') recorded += 1;
      if (isOrphan(outcome, reply) && Date.now() - line.at < ORPHAN_MS) orphans.push(line);
    }
    for (const { batch, id, attempt, task } of orphans) {
      log.error(
        { batch, id, attempt, task, file: path, cure: 'Run `clipmill recover`.' },
        'Redis lacks the item of a task that was paid for',
      );
    }
    if (orphans.length < lines.length) await replaceLines(path, lines, orphans);
    log.info({ recorded, of: lines.length, file: path }, 'recorded the outcomes of submissions of an earlier process');
  }
}

/** Copies a file with an unreadable line, once, to a name that is not read again. */
async function copyTorn(path: string, log: Logger): Promise<void> {
  const copy = `${path}.torn`;
  if (existsSync(copy)) return;
  await copyFile(path, copy);
  log.warn(
    { file: copy, cure: 'Compare the end of this file with the tasks that the API lists for the account.' },
    'a process died while it wrote an outcome to this file: the item is held, and may have a task that is paid for',
  );
}

/** Replaces the lines of a file, unless its process still runs and has appended to it meanwhile. */
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
