import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { link, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { NameError, type Leftovers } from '../storage.ts';
import { codeOf } from './errors.ts';

const ours = /^\.clipmill-[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}\.part$/;

/** Returns a name for a file that is being written, which no clip and no other writer has. */
export function partName(): string {
  return `.clipmill-${randomUUID()}.part`;
}

/** Errors of file systems without hard links: FAT, exFAT, many network shares. */
const noLinks = new Set(['EMLINK', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EPERM', 'EXDEV']);

/**
 * Gives a finished part file its final name, atomically and never replacing anything. A
 * file there with the very same bytes is this one: a process died between storing it and recording that.
 * @returns whether the name of the part file stays, to be removed
 * @throws NameError when another file or a folder has the name
 */
export async function publish(part: string, path: string): Promise<boolean> {
  try {
    await link(part, path);
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return await acceptSame(part, path);
    if (!noLinks.has(codeOf(error))) throw error;
    // Without links two steps are needed; within clipmill no two items have one name.
    if (await stat(path).catch(() => undefined)) return await acceptSame(part, path);
    await rename(part, path);
    return false;
  }
  return true;
}

/** @returns true: the part file is not needed */
async function acceptSame(part: string, path: string): Promise<true> {
  const [ours, theirs] = await Promise.all([stat(part), stat(path).catch(() => undefined)]);
  if (theirs?.isDirectory()) throw new NameError('unusable', `${path} is a folder there`);
  const same = theirs?.isFile() && theirs.size === ours.size && (await hashOf(part)) === (await hashOf(path));
  if (!same) throw new NameError('taken', `${path} is there already, and is left as it is`);
  return true;
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** Part files whose writers were killed. */
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

/** Walks the folders that may hold clips; hidden ones and links hold none of clipmill's. */
async function* partFiles(folder: string, signal: AbortSignal | undefined): AsyncGenerator<string> {
  signal?.throwIfAborted();
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isFile() && ours.test(entry.name)) yield path;
    if (entry.isDirectory() && !entry.name.startsWith('.')) yield* partFiles(path, signal);
  }
}
