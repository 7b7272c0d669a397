import { posix } from 'node:path';
import type { Attempts, DownloadTask, StoredClip, StoredFile } from '../../ledger/attempts.ts';
import { SourceError } from '../../download/error.ts';
import type { SourceOpener } from '../../download/open.ts';
import type { Hashes } from '../../download/hashes.ts';
import { WholeClip } from '../../download/whole.ts';
import { rescueName } from '../../storage/rescue-name.ts';
import { NameError, StorageError, type Storage } from '../../storage/storage.ts';
import type { StepContext } from './context.ts';

export interface FetchDeps {
  attempts: Pick<Attempts, 'claimOutput'>;
  source: Pick<SourceOpener, 'open'>;
  storage: Pick<Storage, 'put' | 'recover'>;
  hashes: Pick<Hashes, 'begin'>;
}

/** Numbers that are tried for a clip whose name is taken, before it is stored under its rescue name. */
const MOST_NUMBERS = 9;

/**
 * Stores every file of a task, one after the other: `clip.mp4`, `clip-2.mp4`, and so on.
 * @throws SourceError or StorageError; files that were stored by then are stored or recovered again next time
 */
export async function fetchClips(deps: FetchDeps, task: DownloadTask, context: StepContext): Promise<StoredClip> {
  const [first, ...others] = task.urls;
  if (first === undefined) throw new SourceError('expired', 'the item has no result URL');
  const { output, reason, ...file } = await storeUnderFreeName(deps, task, first, context);
  const clip = output === task.output ? file : { ...file, storedAs: output, storedAsReason: reason ?? '' };
  if (others.length === 0) return clip;
  const more: (StoredFile & { output: string })[] = [];
  let number = 1;
  for (const url of others) {
    let name: string;
    // Another item may be called clip-2.
    do name = numbered(output, (number += 1));
    while (!(await deps.attempts.claimOutput(context.attempt, name)));
    more.push({ output: name, ...(await storeFile(deps, task.taskId, url, name, context)) });
  }
  return { ...clip, more };
}

/** `b/clip.mp4` to `b/clip-2.mp4`. */
export function numbered(output: string, number: number): string {
  const { dir, name, ext } = posix.parse(output);
  return posix.join(dir, `${name}-${number}${ext}`);
}

/**
 * Stores a clip under its name. Where a file has that name that clipmill did not store for this task, it gets a
 * number; where no file of that name can exist, its rescue name. It is paid for: it never waits for a name.
 */
async function storeUnderFreeName(
  deps: FetchDeps,
  { taskId, output }: DownloadTask,
  url: string,
  context: StepContext,
): Promise<StoredFile & { output: string; reason?: string }> {
  const { attempt } = context;
  let reason: string | undefined;
  const rescue = rescueName(attempt.batch, attempt.id, taskId);
  const numbers = Array.from({ length: MOST_NUMBERS }, (_, index) => numbered(output, index + 2));
  for (const name of [output, ...numbers]) {
    if (name !== output && !(await deps.attempts.claimOutput(attempt, name))) continue;
    try {
      const file = await storeFile(deps, taskId, url, name, context);
      return { ...file, output: name, ...(reason !== undefined && { reason }) };
    } catch (error) {
      if (!(error instanceof NameError)) throw error;
      reason ??= error.message;
      if (error.fault === 'unusable') break;
    }
  }
  await deps.attempts.claimOutput(attempt, rescue);
  try {
    const file = await storeFile(deps, taskId, url, rescue, context);
    return { ...file, output: rescue, ...(reason !== undefined && { reason }) };
  } catch (error) {
    // A storage that refuses this name refuses every name.
    if (error instanceof NameError) throw new StorageError(error.message, { cause: error });
    throw error;
  }
}

async function storeFile(
  deps: FetchDeps,
  taskId: string,
  url: string,
  output: string,
  { attempt: { batch, id }, attemptsStarted, signal }: StepContext,
): Promise<StoredFile> {
  // An earlier run of this step may have stored the clip and died before that was recorded.
  const known = attemptsStarted > 1 ? await deps.storage.recover(output, taskId, signal) : undefined;
  if (known) return known;
  const source = await deps.source.open(url, signal);
  const hash = deps.hashes.begin(source.length);
  try {
    const clip = new WholeClip(source.length, hash);
    const facts = { length: source.length, batch, id, taskId };
    const stored = await deps.storage.put(output, clip.check(source.body), facts, signal);
    return { ...stored, sha256: await hash.digest() };
  } finally {
    hash.close();
    source.close();
  }
}
