import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const made: string[] = [];

/**
 * Creates a folder that remains until `removeFolders`. For minutes ext4 does not reuse the inodes of deleted files, and
 * skips all of them for each new file: after a run whose thousands of clips were deleted, the next run used a
 * millisecond of CPU per clip for that.
 */
export async function benchFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'clipmill-bench-'));
  made.push(folder);
  return folder;
}

/** Removes the folders of all benchmarks that this process ran. */
export async function removeFolders(): Promise<void> {
  for (const folder of made.splice(0)) await rm(folder, { recursive: true, force: true });
}
