import type { App } from '../app.ts';
import { adoptFolder, type Adopted } from '../adoption/adopt.ts';
import { placeSubmissions } from '../adoption/place-submissions.ts';
import { openFolder, type FolderStorage } from '../adoption/open.ts';

/** The recovered items of one batch. */
export interface Recovered extends Adopted {
  batch: string;
}

/**
 * Brings batches back that the storage knows and this ledger does not: clips that are there, and tasks that are still
 * to be had at the API. Nothing is submitted. May be run again after it died.
 * @param tasks ids of tasks that a process knew and could not record, by batch and item
 * @yields each batch that had something to recover
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
