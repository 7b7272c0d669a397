import { posix } from 'node:path';
import { describeError } from '../../core/errors.ts';
import { withoutSignatures } from '../../core/redact.ts';
import type { Attempts, DownloadTask, StoredClip, StoredFile } from '../../ledger/attempts.ts';
import { SourceError } from '../../download/errors.ts';
import type { SourceOpener } from '../../download/open-source.ts';
import { ClipValidator } from '../../download/clip-validator.ts';
import { rescueName } from '../../storage/safe-names.ts';
import { NameError, StorageError, type Storage } from '../../storage/storage.ts';
import type { StepContext } from './step-context.ts';
import type { Place } from './download-places.ts';

export interface FetchDeps {
  attempts: Pick<Attempts, 'claimOutput'>;
  source: Pick<SourceOpener, 'open'>;
  storage: Pick<Storage, 'put' | 'recover'>;
}

/** Number of numbered names tried for a clip whose name is taken, before it gets its rescue name. */
const MAX_NUMBERED = 9;
/** Highest number tried: without it, a purged item, which can claim no name, would loop forever. */
const MAX_NUMBER = 200;

/** Maximum number of files of a task: the API makes a few, and an answer with thousands is a fault. */
const MAX_FILES = 10;
/** Number of runs in which an additional file may fail before the item is done without it. */
const MAX_RUNS = 5;

/**
 * Stores the files of a task sequentially: `clip.mp4`, `clip-2.mp4`, and so on. The first URL that leads to a clip
 * provides the item's clip. Files that are not clips, such as a cover image, are skipped.
 * @throws SourceError or StorageError; the next run stores or recovers the files again
 */
export async function fetchClips(
  deps: FetchDeps,
  task: DownloadTask,
  context: StepContext,
  place: Place,
): Promise<StoredClip> {
  const signal = AbortSignal.any([context.signal, place.signal]);
  const run: Run = { deps, task, context, place, signal, number: 1, last: false };
  const urls = [...new Set(task.urls)];
  if (urls.length > MAX_FILES) {
    context.log.warn(
      { task: task.taskId, urls: urls.length, max: MAX_FILES },
      'the task has too many files: only the first ones are stored',
    );
  }
  let clip: StoredClip | undefined;
  let refused: unknown;
  const more: (StoredFile & { output: string })[] = [];
  const chosen = urls.slice(0, MAX_FILES);
  for (const url of chosen) {
    run.last = url === chosen.at(-1);
    try {
      if (clip) more.push(await storeFurtherFile(run, url));
      else clip = await storeClip(run, url);
    } catch (error) {
      if (!maySkip(error, clip !== undefined, context)) throw error;
      refused = error;
      const reason = describeError(error);
      context.log.warn({ task: task.taskId, url: withoutSignatures(url), reason }, 'skipped a file of the task');
    }
  }
  if (!clip) throw refused ?? new SourceError('expired', 'the item has no result URL');
  return more.length === 0 ? clip : { ...clip, more };
}

/** The state of one run of the step. */
interface Run {
  deps: FetchDeps;
  task: DownloadTask;
  context: StepContext;
  place: Place;
  /** Aborts when the process drains or the place is lost. */
  signal: AbortSignal;
  /** The number in the last name that was tried. */
  number: number;
  /** True for the last file of the task: its place is released when its bytes have arrived. */
  last: boolean;
}

/** Returns whether a failed file is skipped: at once if it cannot succeed, else after some runs. */
function maySkip(error: unknown, hasClip: boolean, { attemptsStarted }: StepContext): boolean {
  if (!(error instanceof SourceError)) return false;
  if (error.fault === 'unusable') return true;
  if (!hasClip) return false;
  return error.fault === 'forbidden' || error.fault === 'too-large' || attemptsStarted >= MAX_RUNS;
}

/** Returns `b/clip-2.mp4` for `b/clip.mp4` and 2. */
export function numbered(output: string, number: number): string {
  const { dir, name, ext } = posix.parse(output);
  return posix.join(dir, `${name}-${number}${ext}`);
}

/**
 * Stores the clip under its output name. If that name belongs to a file that was not stored for this task, the clip
 * gets a numbered name; if the storage cannot hold such a name, its rescue name. A paid clip never waits for a name.
 */
async function storeClip(run: Run, url: string): Promise<StoredClip> {
  const { output } = run.task;
  let reason: string | undefined;
  try {
    return await storeFile(run, url, output);
  } catch (error) {
    if (!(error instanceof NameError)) throw error;
    reason = error.message;
    const file = error.fault === 'taken' ? await storeNumbered(run, url) : undefined;
    const { output: storedAs, ...stored } = file ?? (await storeRescued(run, url));
    return { ...stored, storedAs, storedAsReason: reason };
  }
}

async function storeFurtherFile(run: Run, url: string): Promise<StoredFile & { output: string }> {
  return (await storeNumbered(run, url)) ?? (await storeRescued(run, url, run.number));
}

/** @returns `undefined` if the storage cannot hold such names or too many are taken */
async function storeNumbered(run: Run, url: string): Promise<(StoredFile & { output: string }) | undefined> {
  const { deps, task, context } = run;
  for (let tries = 0; tries < MAX_NUMBERED && run.number < MAX_NUMBER;) {
    run.number += 1;
    const name = numbered(task.output, run.number);
    // The name may belong to another item.
    if (!(await deps.attempts.claimOutput(context.attempt, name))) continue;
    tries += 1;
    try {
      return { ...(await storeFile(run, url, name)), output: name };
    } catch (error) {
      if (!(error instanceof NameError)) throw error;
      if (error.fault === 'unusable') return undefined;
    }
  }
  return undefined;
}

async function storeRescued(run: Run, url: string, number = 1): Promise<StoredFile & { output: string }> {
  const { attempt } = run.context;
  const name = rescueName(attempt.batch, attempt.id, number === 1 ? run.task.taskId : `${run.task.taskId}#${number}`);
  await run.deps.attempts.claimOutput(attempt, name);
  try {
    return { ...(await storeFile(run, url, name)), output: name };
  } catch (error) {
    // A storage that rejects this name rejects every name.
    if (error instanceof NameError) throw new StorageError(error.message, { cause: error });
    throw error;
  }
}

async function storeFile(
  { deps, task: { taskId, replace, output: name }, context: { attempt, attemptsStarted }, place, signal, last }: Run,
  url: string,
  output: string,
): Promise<StoredFile> {
  const { batch, id } = attempt;
  // An earlier run may have stored the clip and died before it recorded that.
  const known = attemptsStarted > 1 ? await deps.storage.recover(output, taskId, signal) : undefined;
  if (known) return known;
  const source = await deps.source.open(url, signal, place.progressed);
  try {
    const clip = new ClipValidator(source.length, last ? place.release : undefined);
    const facts = { length: source.length, batch, id, taskId, replace: replace && output === name };
    const stored = await deps.storage.put(output, clip.check(source.body), facts, signal);
    return { ...stored, sha256: clip.sha256() };
  } finally {
    source.close();
  }
}
