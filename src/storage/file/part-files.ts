import { randomUUID } from 'node:crypto';
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Leftovers } from '../storage.ts';

const ours = /^\.clipmill-[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}\.part$/;

/** Returns a name for a file that is being written, which no clip and no other writer has. */
export function partName(): string {
  return `.clipmill-${randomUUID()}.part`;
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
