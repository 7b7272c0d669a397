import { createHash, randomUUID } from 'node:crypto';
import { closeSync, createReadStream, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import type { Config } from '../config/config.ts';
import { describeError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { AcceptedTask, Attempt } from '../ledger/attempts.ts';
import { contentHash } from '../ledger/new-item.ts';
import type { LoggedSubmission } from '../ledger/orphans.ts';
import { refOf } from '../ledger/schema/keys.ts';

/** The location and the owner of a submission log, which has one file per process and hour. */
export interface SubmissionScope {
  config: Pick<Config, 'prefix' | 'baseUrl'>;
  /** The folder of the process. Default `.clipmill`. */
  home: string;
}

function folderOf({ home }: SubmissionScope): string {
  return join(home, 'submissions');
}

/** Time span of one file, in milliseconds. */
const FILE_MS = 3_600_000;
/** Retention of a file after its last line, in milliseconds: by then the manifest contains its tasks. */
const KEPT_MS = 2 * FILE_MS;
/** Retention of files of another prefix or API, which their own processes may not have replayed yet. */
const KEPT_OTHERS_MS = 7 * 24 * FILE_MS;

/**
 * One line per submission, then a second one for the same attempt, with its task or, if the API did not accept it, with
 * `refused`.
 */
const logLine = z.object({
  at: z.number(),
  batch: z.string(),
  id: z.string(),
  attempt: z.number().int().positive(),
  hash: z.string(),
  task: z.string().optional(),
  kind: z.string().optional(),
  refused: z.literal(true).optional(),
});
type LogLine = z.output<typeof logLine>;

/** Returns the part of the file name that identifies the prefix and the API. */
function scopeOf({ config: { prefix, baseUrl } }: SubmissionScope): string {
  return createHash('sha256').update(`${prefix}\n${baseUrl}`).digest('hex').slice(0, 8);
}

/**
 * Logs every submission of this process before it is sent, and its task when the answer arrives, to a file in the working
 * folder. If Redis is lost, the log restores the tasks that no manifest lists yet. Writes are synchronous without fsync:
 * they survive a crash of the process, not of the machine.
 */
export class SubmissionLog {
  readonly #folder: string;
  readonly #scope: string;
  readonly #log: Logger;
  readonly #files: { path: string; openedAt: number }[] = [];
  /** Content hashes of the submissions in progress. */
  readonly #inProgress = new Map<string, { hash: string; at: number }>();
  #fd: number | undefined;
  #failed = false;

  constructor(scope: SubmissionScope, log: Logger) {
    this.#folder = folderOf(scope);
    this.#scope = scopeOf(scope);
    this.#log = log;
  }

  /** Logs a submission. Call it immediately before the POST. */
  posting(attempt: Attempt, content: { provider: string; input: object }): void {
    const posted = { hash: contentHash(content.provider, JSON.stringify(content.input)), at: Date.now() };
    this.#inProgress.set(nameOf(attempt), posted);
    this.#append(attempt, posted);
  }

  /** Logs the task of a submission. */
  accepted(attempt: Attempt, { taskId, kind }: AcceptedTask): void {
    this.#end(attempt, { task: taskId, kind });
  }

  /** Logs that the API did not accept a submission. */
  refused(attempt: Attempt): void {
    this.#end(attempt, { refused: true });
  }

  /** Ends a submission that may have a task: the log keeps it without one. */
  ambiguous(attempt: Attempt): void {
    this.#inProgress.delete(nameOf(attempt));
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #end(attempt: Attempt, end: Partial<LogLine>): void {
    const posted = this.#inProgress.get(nameOf(attempt));
    this.#inProgress.delete(nameOf(attempt));
    if (posted) this.#append(attempt, { ...posted, ...end });
  }

  #append({ batch, id, attempt }: Attempt, facts: Pick<LogLine, 'hash' | 'at'> & Partial<LogLine>): void {
    const line: LogLine = { batch, id, attempt, ...facts };
    try {
      writeSync(this.#file(), `${JSON.stringify(line)}\n`);
    } catch (error) {
      if (this.#failed) return;
      this.#failed = true;
      this.#log.warn(
        { folder: this.#folder, reason: describeError(error) },
        'cannot log submissions: after a loss of Redis, those since the last manifest may be paid for again',
      );
    }
  }

  #file(): number {
    const now = Date.now();
    if (this.#fd !== undefined && now - (this.#files.at(-1)?.openedAt ?? 0) < FILE_MS) return this.#fd;
    this.close();
    while (now - (this.#files[0]?.openedAt ?? now) > KEPT_MS + FILE_MS) {
      rmSync(this.#files.shift()?.path ?? '', { force: true });
    }
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    const path = join(this.#folder, `${this.#scope}-${process.pid}-${randomUUID().slice(0, 8)}.jsonl`);
    this.#fd = openSync(path, 'a', 0o600);
    this.#files.push({ path, openedAt: now });
    return this.#fd;
  }
}

function nameOf({ batch, id, attempt }: Attempt): string {
  return `${refOf(batch, id)}#${attempt}`;
}

/**
 * Yields the submissions of a working folder that may have a task, one list per file.
 * @param batches restricts the submissions to these batches. Default: all.
 */
export async function* readSubmissions(
  scope: SubmissionScope,
  batches?: ReadonlySet<string>,
): AsyncGenerator<LoggedSubmission[]> {
  for (const path of await filesOf(folderOf(scope), `${scopeOf(scope)}-`)) {
    const submissions = new Map<string, LoggedSubmission>();
    for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Infinity })) {
      const parsed = parseLine(line);
      if (!parsed || (batches && !batches.has(parsed.batch))) continue;
      const { refused, ...submission } = parsed;
      if (refused) submissions.delete(nameOf(parsed));
      else submissions.set(nameOf(parsed), submission);
    }
    yield [...submissions.values()];
  }
}

/** Returns `undefined` for an incomplete line, as of a killed process. */
function parseLine(line: string): LogLine | undefined {
  try {
    return logLine.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}

/** Removes old files. Call it after those of this prefix are replayed. */
export async function removeOldSubmissions(scope: SubmissionScope): Promise<void> {
  const folder = folderOf(scope);
  const own = join(folder, `${scopeOf(scope)}-`);
  for (const path of await filesOf(folder, '')) {
    const found = await stat(path).catch(() => undefined);
    const keptMs = path.startsWith(own) ? KEPT_MS : KEPT_OTHERS_MS;
    if (found && Date.now() - found.mtimeMs > keptMs) rmSync(path, { force: true });
  }
}

async function filesOf(folder: string, prefix: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return names.filter((name) => name.startsWith(prefix)).map((name) => join(folder, name));
}
