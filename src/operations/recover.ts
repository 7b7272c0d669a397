import type { App } from '../app.ts';
import { adoptFolder, type Adopted } from '../adoption/adopt.ts';
import { placeSubmissions } from '../adoption/place-submissions.ts';
import { openFolder, type FolderStorage } from '../adoption/open.ts';

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
  await placeSubmissions(app);
  for (const batch of batches) {
    const folder = await openFolder(app, storage, batch, signal);
    try {
      if (!folder.unknown) continue;
      yield { batch, ...(await adoptFolder(app, folder, { tasks: tasks.get(batch), close: true, signal })) };
    } finally {
      await folder.close();
    }
  }
}
