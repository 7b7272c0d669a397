import { posix } from 'node:path';
import type { Attempt, Attempts, DownloadTask, StoredClip, StoredFile } from '../../ledger/attempts.ts';
import { SourceError } from '../../download/error.ts';
import type { SourceOpener } from '../../download/open.ts';
import type { Hashes } from '../../download/hashes.ts';
import { WholeClip } from '../../download/whole.ts';
import type { Storage } from '../../storage/storage.ts';
import type { StepContext } from '../../queue/outcome.ts';

export interface FetchDeps {
  attempts: Pick<Attempts, 'claimOutput'>;
  source: Pick<SourceOpener, 'open'>;
  storage: Pick<Storage, 'put' | 'recover'>;
  hashes: Pick<Hashes, 'begin'>;
}

/**
 * Stores every file of a task, one after the other: `clip.mp4`, `clip-2.mp4`, and so on.
 * @throws SourceError or StorageError; what was stored by then is stored again, or found again, next time
 */
export async function fetchClips(
  deps: FetchDeps,
  attempt: Attempt,
  task: DownloadTask,
  context: StepContext,
): Promise<StoredClip> {
  const [first, ...others] = task.urls;
  if (first === undefined) throw new SourceError('expired', 'the item has no result URL');
  const clip = await storeFile(deps, attempt, task.taskId, first, task.output, context);
  if (others.length === 0) return clip;
  const more: (StoredFile & { output: string })[] = [];
  let number = 1;
  for (const url of others) {
    let output: string;
    // Another item may be called clip-2.
    do output = numbered(task.output, (number += 1));
    while (!(await deps.attempts.claimOutput(attempt, output)));
    more.push({ output, ...(await storeFile(deps, attempt, task.taskId, url, output, context)) });
  }
  return { ...clip, more };
}

/** `b/clip.mp4` to `b/clip-2.mp4`. */
export function numbered(output: string, number: number): string {
  const { dir, name, ext } = posix.parse(output);
  return posix.join(dir, `${name}-${number}${ext}`);
}

async function storeFile(
  deps: FetchDeps,
  { batch, id }: Attempt,
  taskId: string,
  url: string,
  output: string,
  context: StepContext,
): Promise<StoredFile> {
  // A process that died between storing the clip and saying so has left this to another turn.
  const known = context.attemptsStarted > 1 ? await deps.storage.recover(output, taskId, context.draining) : undefined;
  if (known) return known;
  const source = await deps.source.open(url, context.draining);
  const hash = deps.hashes.begin(source.length);
  try {
    const clip = new WholeClip(source.length, hash);
    const facts = { length: source.length, batch, id, taskId };
    const stored = await deps.storage.put(output, clip.check(source.body), facts, context.draining);
    return { ...stored, sha256: await hash.digest() };
  } finally {
    hash.close();
    source.close();
  }
}
