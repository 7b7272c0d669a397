import type { App } from '../app.ts';
import { adoptFolder, type Adopted } from '../adoption/adopt.ts';
import { replaySubmissions } from '../adoption/replay-submissions.ts';
import { openBatchFolder, type FolderStorage } from '../adoption/batch-folder.ts';

/** The recovered items of a batch. */
export interface Recovered extends Adopted {
  batch: string;
}

/**
 * Recovers batches that are in the storage and not in the ledger: stored clips, and tasks whose results are still
 * available at the API. Submits nothing. May be repeated after a crash.
 * @param tasks ids of tasks that a process could not record in Redis, by batch and item
 * @yields each batch with recovered items
 * @throws StorageError
 */
export async function* recoverBatches(
  app: App,
  storage: FolderStorage,
  batches: readonly string[],
  tasks: ReadonlyMap<string, ReadonlyMap<string, string>>,
  signal?: AbortSignal,
): AsyncGenerator<Recovered> {
  await replaySubmissions(app);
  for (const batch of batches) {
    const folder = await openBatchFolder(app, storage, batch, signal);
    try {
      if (!folder.unadopted) continue;
      yield { batch, ...(await adoptFolder(app, folder, { tasks: tasks.get(batch), close: true, signal })) };
    } finally {
      await folder.close();
    }
  }
}
