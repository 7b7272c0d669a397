import { isAbsolute } from 'node:path';
import type { FolderComparison } from '../adoption/folder-comparison.ts';
import type { App } from '../app.ts';
import { pagesOf } from '../core/chunk.ts';
import { InputError, type Diagnostic } from '../core/errors.ts';
import { foldedName } from '../core/folded-name.ts';
import type { Job } from '../jobs/job.ts';
import type { Batch } from '../ledger/batch.ts';
import { contentHash, INTAKE_PAGE, type TakenOutput } from '../ledger/intake.ts';
import { ownerOf, refOf } from '../ledger/schema/keys.ts';
import { sizeOf } from './redis-memory.ts';
import { budgetDiagnostic, knownItems, outputTaken, type SubmitHeader } from './submit.ts';

/** The effect that a submission would have. */
export interface Preview {
  /** Clips that would be added. */
  added: number;
  /** Clips that are already in the ledger. */
  existing: number;
  /** Seconds of video of the new clips. */
  videoSeconds: number;
  /** Bytes of the inputs of the new clips, as JSON. */
  inputBytes: number;
  /** Bytes of their ids and output names. */
  nameBytes: number;
  /** The budget of the batch after the submission. */
  maxClips: number | undefined;
  /** Submissions of the batch that were accepted, or may have been. */
  posted: number;
  /** Items of the batch that are not yet submitted. */
  waiting: number;
  /** Clips of an earlier run that are in the storage and not in the ledger. */
  stored: number;
  /** Tasks of an earlier run whose results are still available. */
  underWay: number;
  /** Items of an earlier run that failed, were cancelled or are held. */
  ended: number;
}

/**
 * Computes the effect of a submission without changing anything.
 * @param comparison compares the jobs with the folder of their batch. Default: only the ledger is compared
 * @throws InputError if output names belong to other items, or the budget conflicts with that of the batch
 */
export async function previewJobs(
  app: App,
  header: SubmitHeader,
  jobs: Iterable<Job> | AsyncIterable<Job>,
  comparison?: FolderComparison,
): Promise<Preview> {
  const batch = await app.queries.batch(header.batch);
  const otherBudget = budgetConflict(header, batch);
  if (otherBudget !== undefined) throw new InputError([otherBudget]);
  const budget = header.maxClips ?? batch?.maxClips ?? undefined;
  const sum: Preview = {
    added: 0,
    existing: 0,
    videoSeconds: 0,
    inputBytes: 0,
    nameBytes: 0,
    maxClips: budget === 'none' ? undefined : budget,
    posted: batch?.posted ?? 0,
    stored: 0,
    underWay: 0,
    ended: 0,
    waiting: (batch?.counts.queued ?? 0) + (batch?.failures['BUDGET'] ?? 0),
  };
  const otherFile = isOtherFile(header, batch);
  const problems: Diagnostic[] = [];
  for await (const page of pagesOf(jobs, INTAKE_PAGE)) {
    const [conflicts, known] = await Promise.all([
      nameConflicts(app, header.batch, page),
      knownItems(app, header.batch, page),
    ]);
    const isKnown = known.map((hash) => hash !== undefined);
    const states = (await comparison?.compare(page, isKnown)) ?? [];
    for (const [index, job] of page.entries()) {
      const [conflict, state, hash] = [conflicts[index], states[index], known[index]];
      if (hash !== undefined) {
        sum.existing += 1;
        if (otherFile && hash !== contentHash(job.provider, JSON.stringify(job.input)))
          comparison?.otherContent(job.id);
      } else if (state === 'done') sum.stored += 1;
      else if (state === 'generating') sum.underWay += 1;
      else if (state !== undefined) sum.ended += 1;
      else if (conflict) problems.push(outputTaken(header, { id: job.id, output: job.output, ...conflict }));
      else {
        sum.added += 1;
        const { inputBytes, nameBytes } = sizeOf(job);
        sum.inputBytes += inputBytes;
        sum.nameBytes += nameBytes;
        sum.videoSeconds += app.model.videoSeconds(job.input);
      }
    }
  }
  if (problems.length > 0) throw new InputError(problems);
  return sum;
}

/** Returns whether the batch came from another jobs file. Earlier versions stored relative paths, which prove nothing. */
function isOtherFile({ source }: SubmitHeader, batch: Batch | undefined): boolean {
  const batchSource = batch?.source ?? undefined;
  if (batchSource === undefined || source === undefined) return false;
  return isAbsolute(batchSource) && isAbsolute(source) && source !== batchSource;
}

/** Returns the conflict of each job's output name, by the rules of `register.lua`; `undefined` if the name is free. */
async function nameConflicts(
  app: App,
  batch: string,
  jobs: readonly Job[],
): Promise<(Pick<TakenOutput, 'why' | 'owner'> | undefined)[]> {
  const names = jobs.map((job) => foldedName(job.output));
  const folders = [...new Set(names.flatMap(foldersOf))];
  const keys = [...names, ...names.map((name) => `${name}/`), ...folders];
  const values = await app.redis.hmget(app.keys.outputs, ...keys);
  const owners = keys.map((name, index) => ownerOf(name, values[index]));
  const files = new Map(folders.map((folder, index) => [folder, owners[2 * names.length + index]]));
  return names.map((name, index) => {
    const ref = refOf(batch, jobs[index]?.id ?? '');
    const owner = owners[index];
    if (owner && owner !== ref) return { why: 'name', owner };
    if (owners[names.length + index]) return { why: 'folder', owner: name };
    const file = foldersOf(name).find((folder) => files.get(folder) && files.get(folder) !== ref);
    return file === undefined ? undefined : { why: 'inside', owner: files.get(file) ?? file };
  });
}

/** `a/b/c` -> `a`, `a/b` */
function foldersOf(name: string): string[] {
  const parts = name.split('/').slice(0, -1);
  return parts.map((_part, index) => parts.slice(0, index + 1).join('/'));
}

/** Returns the conflict with the budget of the batch, which only the source that set it may change. */
function budgetConflict(header: SubmitHeader, batch: Batch | undefined): Diagnostic | undefined {
  const { maxClips, source } = header;
  if (maxClips === undefined || !batch || batch.maxClips === null || batch.maxClips === maxClips) return undefined;
  if (source !== undefined && batch.budgetSource === source) return undefined;
  return budgetDiagnostic(header, batch.maxClips, batch.budgetSource ?? undefined);
}
