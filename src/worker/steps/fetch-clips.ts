import { posix } from 'node:path';
import { describeError } from '../../core/errors.ts';
import { withoutSignatures } from '../../core/redact.ts';
import type { Attempts, DownloadTask, StoredClip, StoredFile } from '../../ledger/attempts.ts';
import { SourceError } from '../../download/error.ts';
import type { SourceOpener } from '../../download/open.ts';
import { WholeClip } from '../../download/whole.ts';
import { rescueName } from '../../storage/names.ts';
import { NameError, StorageError, type Storage } from '../../storage/storage.ts';
import type { StepContext } from './context.ts';
import type { Place } from './download-places.ts';

export interface FetchDeps {
  attempts: Pick<Attempts, 'claimOutput'>;
  source: Pick<SourceOpener, 'open'>;
  storage: Pick<Storage, 'put' | 'recover'>;
}

/** Numbers that are tried for a clip whose name is taken, before it is stored under its rescue name. */
const MOST_NUMBERS = 9;
/** The last number that is asked for: an item that is gone gets none. */
const LAST_NUMBER = 200;

/** Files of one task at most: the API makes one or a few, and an answer with thousands is none of its own. */
const MOST_FILES = 10;
/** Runs of a step in which a further file may fail before the task is done without it. */
const MOST_RUNS = 5;

/**
 * Stores every file of a task, one after the other: `clip.mp4`, `clip-2.mp4`, and so on. The first URL that leads
 * to a clip gives the item's clip. A further file that is no clip, such as a cover image, is passed over.
 * @throws SourceError or StorageError; files that were stored by then are stored or recovered again next time
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
  if (urls.length > MOST_FILES) {
    context.log.warn(
      { task: task.taskId, urls: urls.length, most: MOST_FILES },
      'the task has too many files: the first are stored',
    );
  }
  let clip: StoredClip | undefined;
  let refused: unknown;
  const more: (StoredFile & { output: string })[] = [];
  const chosen = urls.slice(0, MOST_FILES);
  for (const url of chosen) {
    run.last = url === chosen.at(-1);
    try {
      if (clip) more.push(await storeFurtherFile(run, url));
      else clip = await storeClip(run, url);
    } catch (error) {
      if (!mayPassOver(error, clip !== undefined, context)) throw error;
      refused = error;
      const reason = describeError(error);
      context.log.warn({ task: task.taskId, url: withoutSignatures(url), reason }, 'passed over a file of the task');
    }
  }
  if (!clip) throw refused ?? new SourceError('expired', 'the item has no result URL');
  return more.length === 0 ? clip : { ...clip, more };
}

/** One run of the step. */
interface Run {
  deps: FetchDeps;
  task: DownloadTask;
  context: StepContext;
  place: Place;
  /** Aborts when the process drains and when the place is lost. */
  signal: AbortSignal;
  /** The last number that was given to a file of the task. */
  number: number;
  /** No further file of the task follows: the place is free once the bytes of this one have arrived. */
  last: boolean;
}

/** Whether a task is stored without the file that failed: for good reason at once, else after some runs. */
function mayPassOver(error: unknown, hasClip: boolean, { attemptsStarted }: StepContext): boolean {
  if (!(error instanceof SourceError)) return false;
  if (error.fault === 'unusable') return true;
  if (!hasClip) return false;
  return error.fault === 'forbidden' || error.fault === 'too-large' || attemptsStarted >= MOST_RUNS;
}

/** `b/clip.mp4` to `b/clip-2.mp4`. */
export function numbered(output: string, number: number): string {
  const { dir, name, ext } = posix.parse(output);
  return posix.join(dir, `${name}-${number}${ext}`);
}

/**
 * Stores the clip under its name. Where a file has that name that clipmill did not store for this task, it gets a
 * number; where no file of that name can exist, its rescue name. It is paid for: it never waits for a name.
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

/** @returns `undefined` when no such name can exist or many are taken */
async function storeNumbered(run: Run, url: string): Promise<(StoredFile & { output: string }) | undefined> {
  const { deps, task, context } = run;
  for (let tries = 0; tries < MOST_NUMBERS && run.number < LAST_NUMBER;) {
    run.number += 1;
    const name = numbered(task.output, run.number);
    // Another item may have the name.
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
    // A storage that refuses this name refuses every name.
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
  // An earlier run of this step may have stored the clip and died before that was recorded.
  const known = attemptsStarted > 1 ? await deps.storage.recover(output, taskId, signal) : undefined;
  if (known) return known;
  const source = await deps.source.open(url, signal, place.progressed);
  try {
    const clip = new WholeClip(source.length, last ? place.release : undefined);
    const facts = { length: source.length, batch, id, taskId, replace: replace && output === name };
    const stored = await deps.storage.put(output, clip.check(source.body), facts, signal);
    return { ...stored, sha256: clip.sha256() };
  } finally {
    source.close();
  }
}
