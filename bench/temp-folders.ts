import { rmSync } from 'node:fs';
import { mkdtemp, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const made: string[] = [];

/** A folder in memory on Linux. */
const MEMORY = '/dev/shm';
/** Free space that a run needs there, in bytes. */
const MEMORY_NEEDED = 2_000_000_000;

/**
 * Creates a folder that remains until `removeFolders`. For minutes ext4 does not reuse the inodes of deleted files, and
 * skips all of them for each new file: after a run whose thousands of clips were deleted, the next run used a
 * millisecond of CPU per clip for that.
 * @param inMemory whether the folder is in memory, where there is enough. Default: false
 */
export async function benchFolder(inMemory = false): Promise<string> {
  const parent = inMemory && (await freeBytes(MEMORY)) >= MEMORY_NEEDED ? MEMORY : tmpdir();
  const folder = await mkdtemp(join(parent, 'clipmill-bench-'));
  if (made.push(folder) === 1) {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, removeAndExit);
  }
  return folder;
}

/** Removes the folders of all benchmarks that this process ran. */
export function removeFolders(): void {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true });
}

function removeAndExit(): void {
  removeFolders();
  process.exit(1);
}

/** Returns 0 if there is no such folder. */
async function freeBytes(folder: string): Promise<number> {
  try {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  } catch {
    return 0;
  }
}
