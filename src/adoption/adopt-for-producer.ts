import type { App } from '../app.ts';
import { describeError } from '../core/errors.ts';
import { adoptFolder } from './adopt.ts';
import { openBatchFolder, type FolderStorage } from './batch-folder.ts';

/** Maximum number of batches cached as adopted: a process that runs for months processes many. */
const MAX_KNOWN = 1_000;

/**
 * Returns a function that adopts a batch from the storage before a producer's job is added to it. After a loss of Redis,
 * producers add their jobs again, and the stored clips are not paid for twice.
 */
export function createBatchAdopter(app: App, storage: FolderStorage) {
  const known = new Set<string>();
  return async (batch: string, signal: AbortSignal): Promise<void> => {
    const state = await app.queries.folder(batch);
    if (state.exists && !state.adopting && (state.known || known.has(batch))) return;
    const folder = await openBatchFolder(app, storage, batch, signal);
    try {
      if (folder.unadopted) {
        const adopted = await adoptFolder(app, folder, { close: true, signal });
        app.log.warn({ batch, ...adopted }, 'Redis lacked this batch: adopted its items from the storage');
      }
    } finally {
      await folder.close();
    }
    if (known.size >= MAX_KNOWN) known.clear();
    known.add(batch);
  };
}

/**
 * Returns whether the output name of a new item belongs to a file of another origin. If the storage fails, the check is
 * skipped: the clip then gets another name when it is stored.
 */
export async function isOccupied(
  app: Pick<App, 'redis' | 'keys' | 'log'>,
  storage: Pick<FolderStorage, 'stat'>,
  ref: string,
  output: string,
  signal: AbortSignal,
): Promise<boolean> {
  const [known, orphan] = await Promise.all([
    app.redis.exists(app.keys.item(ref)),
    app.redis.hexists(app.keys.orphans, ref),
  ]);
  // An orphan's clip may already exist, stored after the last manifest.
  if (known || orphan) return false;
  try {
    return (await storage.stat(output, signal)) !== undefined;
  } catch (error) {
    signal.throwIfAborted();
    app.log.debug({ output, reason: describeError(error) }, 'could not check whether the output name is taken');
    return false;
  }
}
