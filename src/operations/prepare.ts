import { createHash } from 'node:crypto';
import type { App } from '../app.ts';
import { Closers } from '../core/closers.ts';
import { pagesOf } from '../core/chunk.ts';
import type { Job } from '../jobs/job.ts';
import { INTAKE_PAGE } from '../ledger/intake.ts';
import { StagingTable } from '../ledger/staging.ts';
import { newItemsOf, requireRedisMemory } from './redis-memory.ts';
import { previewJobs, type Preview } from './preview.ts';
import { knownItems, type SubmitHeader } from './submit.ts';
import { adoptFolder, type Adopted } from '../adoption/adopt.ts';
import { FolderComparison } from '../adoption/folder-comparison.ts';
import { conflictOf, type FolderPolicy } from '../adoption/folder-conflict.ts';
import { replaySubmissions } from '../adoption/replay-submissions.ts';
import { openBatchFolder, type BatchFolder, type FolderStorage } from '../adoption/batch-folder.ts';

/** The jobs of one file, which can be read several times. */
export interface Submittable {
  header: SubmitHeader;
  jobs(): AsyncIterable<Job>;
}

/** A checked submission that can begin. */
export interface PreparedSubmission {
  /** In the order of the files. */
  previews: Preview[];
  /** The Redis memory that a large submission needs, as a line of text. */
  memory: string | undefined;
  /** Adds the items that the storage has and the ledger lacks. May be repeated after a crash. */
  adopt(signal?: AbortSignal): Promise<Adopted>;
  /** Deletes its temporary data in Redis. */
  close(): Promise<void>;
}

/** One batch of a submission. */
interface PreparedBatch {
  folder: BatchFolder;
  comparison: FolderComparison;
  source: string | undefined;
  /** Ids of the rows to adopt; absent if all are adopted. */
  adoptable: StagingTable | undefined;
  files: Submittable[];
}

/**
 * Compares jobs with the ledger and with the folders of their batches, before anything is submitted or changed.
 * @throws UserError if a folder has other contents and the policy is `refuse`, or if Redis lacks memory; InputError as
 * `previewJobs` does; StorageError
 */
export async function prepareSubmission(
  app: App,
  storage: FolderStorage,
  files: readonly Submittable[],
  policy: FolderPolicy,
  signal?: AbortSignal,
): Promise<PreparedSubmission> {
  const closers = new Closers();
  try {
    await replaySubmissions(app, [...new Set(files.map(({ header }) => header.batch))]);
    const batches = new Map<string, PreparedBatch>();
    const previews: Preview[] = [];
    for (const file of files) {
      const { batch, source } = file.header;
      let prepared = batches.get(batch);
      if (!prepared) {
        const folder = await openBatchFolder(app, storage, batch, signal);
        closers.push(() => folder.close());
        const adoptable = policy === 'replace' ? new StagingTable(app.redis, app.keys) : undefined;
        if (adoptable) closers.push(() => adoptable.drop());
        const comparison = new FolderComparison(folder, app, adoptable);
        prepared = { folder, comparison, source, adoptable, files: [] };
        batches.set(batch, prepared);
      }
      prepared.files.push(file);
      previews.push(await previewJobs(app, file.header, file.jobs(), prepared.comparison));
    }
    for (const { folder, comparison, source } of batches.values()) {
      const conflict = conflictOf(folder, comparison.result, source, policy);
      if (conflict) throw conflict;
    }
    const memory = await requireRedisMemory(app, newItemsOf(previews));
    return {
      previews,
      memory,
      adopt: (during) => adoptAll(app, [...batches.values()], policy, during),
      close: () => closers.close(),
    };
  } catch (error) {
    await closers.close();
    throw error;
  }
}

async function adoptAll(
  app: App,
  batches: readonly PreparedBatch[],
  policy: FolderPolicy,
  signal?: AbortSignal,
): Promise<Adopted> {
  const sum: Adopted = { done: 0, underWay: 0, ended: 0 };
  for (const { folder, comparison, source, adoptable, files } of batches) {
    if (folder.unadopted) {
      const adopted = await adoptFolder(app, folder, { source, ids: adoptable, close: false, signal });
      sum.done += adopted.done;
      sum.underWay += adopted.underWay;
      sum.ended += adopted.ended;
    }
    if (policy !== 'adopt' || comparison.result.occupied.count === 0) continue;
    for (const file of files) sum.done += await adoptFiles(app, folder, file, signal);
  }
  return sum;
}

/** Adopts the files that have the names of the jobs as their clips. @returns their number */
async function adoptFiles(app: App, folder: BatchFolder, file: Submittable, signal?: AbortSignal): Promise<number> {
  const { batch, storage } = folder;
  let adopted = 0;
  for await (const page of pagesOf(file.jobs(), INTAKE_PAGE)) {
    signal?.throwIfAborted();
    const known = await knownItems(app, batch, page);
    const sizes = await folder.files.sizes(page.map((job) => job.output));
    for (const [index, job] of page.entries()) {
      const size = sizes[index];
      if (known[index] !== undefined || size === undefined) continue;
      const { id, priority, provider, output, input } = job;
      const item = { id, priority, provider, output, input, state: 'done' as const, attempt: 0, posted: 0 };
      const fields = { location: storage.locate(output), size, sha256: await hashOf(storage, output, signal) };
      const facts = { model: app.model.id, source: file.header.source };
      const report = await app.adoption.add(batch, facts, [{ ...item, history: [], names: [], fields }], 'last');
      adopted += report.adopted;
    }
  }
  return adopted;
}

async function hashOf(storage: FolderStorage, name: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of (await storage.read(name, signal)) ?? []) hash.update(piece);
  return hash.digest('hex');
}
