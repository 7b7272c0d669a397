import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const made: string[] = [];

/**
 * A folder that stays until `removeFolders`. ext4 gives no inode again for minutes after its file was
 * deleted, and looks past all of them for every new file: after a run whose thousands of clips were
 * deleted, the next one paid a millisecond of CPU a clip for that.
 */
export async function benchFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'clipmill-bench-'));
  made.push(folder);
  return folder;
}

/** Removes every folder of this bench. */
export async function removeFolders(): Promise<void> {
  for (const folder of made.splice(0)) await rm(folder, { recursive: true, force: true });
}
