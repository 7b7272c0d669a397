import { adoptFolder } from '../adoption/adopt.ts';
import { FolderComparison } from '../adoption/folder-comparison.ts';
import { conflictOf, type FolderPolicy } from '../adoption/folder-conflict.ts';
import { openBatchFolder, type FolderStorage } from '../adoption/batch-folder.ts';
import { replaySubmissions } from '../adoption/replay-submissions.ts';
import type { App } from '../app.ts';
import { pagesOf } from '../core/chunk.ts';
import type { Job } from '../jobs/job.ts';
import { StagingTable } from '../ledger/staging.ts';
import { INTAKE_PAGE } from '../ledger/intake.ts';
import { StreamMemoryCheck } from './redis-memory.ts';
import { knownItems } from './submit.ts';

/**
 * Yields jobs that can be read only once, such as those of the library, after comparing each page with the folder of
 * their batch. Clips of the batch that the storage has are adopted before the first job is yielded.
 * @param policy `adopt` accepts any existing file as the clip of the job with its name; `replace` reads all jobs before
 * it yields the first one, and adopts no clip with other content
 * @param total number of jobs, if it is known before they are read
 * @throws UserError if the folder has other contents, or Redis lacks memory for the jobs; jobs that were yielded before
 * are submitted
 */
export async function* prepareStream(
  app: App,
  storage: FolderStorage,
  batch: string,
  jobs: AsyncIterable<Job>,
  policy: FolderPolicy,
  { total, signal }: { total?: number | undefined; signal?: AbortSignal | undefined } = {},
): AsyncGenerator<Job> {
  await replaySubmissions(app, [batch]);
  const folder = await openBatchFolder(app, storage, batch, signal);
  const adoptable = policy === 'replace' && folder.unadopted ? new StagingTable(app.redis, app.keys) : undefined;
  try {
    const comparison = new FolderComparison(folder, app, adoptable);
    let adopted = !folder.unadopted;
    const read: Job[] = [];
    const memory = new StreamMemoryCheck(app, total);
    for await (const page of pagesOf(jobs, INTAKE_PAGE)) {
      const hashes = await knownItems(app, batch, page);
      const states = await comparison.compare(
        page,
        hashes.map((hash) => hash !== undefined),
      );
      const conflict = conflictOf(folder, comparison.result, undefined, policy, { partial: true });
      if (conflict) throw conflict;
      const isNew = (_job: Job, index: number) => hashes[index] === undefined && states[index] === undefined;
      await memory.require(page, page.filter(isNew));
      if (adoptable) {
        read.push(...page);
        continue;
      }
      if (!adopted) await adoptFolder(app, folder, { close: false, signal });
      adopted = true;
      yield* page;
    }
    if (adoptable && read.length > 0) await adoptFolder(app, folder, { ids: adoptable, close: false, signal });
    yield* read;
  } finally {
    await adoptable?.drop();
    await folder.close();
  }
}
