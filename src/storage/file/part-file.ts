import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { link, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { NameError, type Leftovers } from '../storage.ts';
import { codeOf } from './errors.ts';

const partFileName = /^\.clipmill-[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}\.part$/;

/** Returns a unique name for a file that is being written; no clip can have it. */
export function partName(): string {
  return `.clipmill-${randomUUID()}.part`;
}

/** Errors of file systems without hard links: FAT, exFAT, many network shares. */
const noLinks = new Set(['EMLINK', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EPERM', 'EXDEV']);

/**
 * Gives a finished part file its final name, atomically and without replacing a file. Accepts an existing file with
 * the same bytes: a process died after it stored the clip and before it recorded that.
 * @returns whether the part file remains, for the caller to remove
 * @throws NameError if another file or a folder has the name
 */
export async function publish(part: string, path: string): Promise<boolean> {
  try {
    await link(part, path);
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return await acceptSame(part, path);
    if (!noLinks.has(codeOf(error))) throw error;
    // Without links this takes two steps. No other item of clipmill has the name.
    if (await stat(path).catch(() => undefined)) return await acceptSame(part, path);
    await rename(part, path);
    return false;
  }
  return true;
}

/** Accepts an existing file with the same bytes. @returns true: the part file remains */
async function acceptSame(part: string, path: string): Promise<true> {
  const [ours, theirs] = await Promise.all([stat(part), stat(path).catch(() => undefined)]);
  if (theirs?.isDirectory()) throw new NameError('unusable', `${path} is a folder`);
  const same = theirs?.isFile() && theirs.size === ours.size && (await hashOf(part)) === (await hashOf(path));
  if (!same) throw new NameError('taken', `${path} already exists and is not changed`);
  return true;
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** Creates the sweep of part files whose writers died. */
export function createPartFiles(base: string): Leftovers {
  return {
    shared: false,
    async sweep(olderThanMs, signal) {
      let swept = 0;
      for await (const path of partFiles(base, signal)) {
        const found = await stat(path).catch(() => undefined);
        if (!found || Date.now() - found.mtimeMs < olderThanMs) continue;
        await rm(path, { force: true });
        swept += 1;
      }
      return swept;
    },
  };
}

/** Yields the part files in all folders that may have clips: hidden folders and links have none. */
async function* partFiles(folder: string, signal: AbortSignal | undefined): AsyncGenerator<string> {
  signal?.throwIfAborted();
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isFile() && partFileName.test(entry.name)) yield path;
    if (entry.isDirectory() && !entry.name.startsWith('.')) yield* partFiles(path, signal);
  }
}
