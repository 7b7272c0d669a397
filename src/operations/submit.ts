import { isAbsolute } from 'node:path';
import { InputError, UserError, type Diagnostic } from '../core/errors.ts';
import { foldedName } from '../core/folded-name.ts';
import type { Job } from '../jobs/job.ts';
import type { Batch } from '../ledger/batch.ts';
import {
  BudgetConflict,
  contentHash,
  INTAKE_PAGE,
  type IntakeReport,
  takenMessage,
  type NewItem,
  type TakenOutput,
} from '../ledger/intake.ts';
import { ownerOf, refOf } from '../ledger/schema/keys.ts';
import { redisTime } from '../redis/time.ts';
import type { App } from '../app.ts';
import type { FolderCheck } from '../adoption/check.ts';
import type { UploadImages } from './upload-images.ts';
import { pagesOf } from '../core/chunk.ts';
import type { Budget } from '../jobs/job.ts';

/** Where jobs go and what holds for all of them. */
export interface SubmitHeader {
  batch: string;
  /** Submissions that may be accepted at most, retries included. Default: what the batch has. */
  maxClips?: Budget | undefined;
  /** Where they came from, for messages: the file's path as it was given. */
  source?: string | undefined;
}

export interface Submission {
  batch: string;
  /** Items that are new. */
  added: number;
  /** Items that were there already, and stay as they are. */
  existing: number;
  /** Ids of existing items that ask for something else now; their first content stands. */
  changed: string[];
  /** The source that the batch was made from, where it is another one. */
  otherSource?: string | undefined;
}

export interface SubmitOptions {
  /** Stops the submission; items submitted by then stay. */
  signal?: AbortSignal | undefined;
  /** Brings the local images of jobs to the storage; only jobs that have some need it. */
  upload?: UploadImages | undefined;
  /** Whether new clips may replace files of their names. Default false. */
  replace?: boolean | undefined;
}

/** How many ids of changed items a submission names. */
const CHANGED_NAMED = 20;

/**
 * Adds jobs to a batch; those that exist already are left alone, so that doing it again does no harm.
 * Work begins with the first page, while the rest is still read. Until the last page is in, the batch
 * is open and cannot end; an interrupted submission is finished by doing it again. A mistake in a later job
 * ends it, with the jobs before it submitted.
 * @throws InputError when an output name belongs to another item: those jobs were not added; and what
 * uploading images throws
 */
export async function submitJobs(
  app: App,
  header: SubmitHeader,
  jobs: Iterable<Job> | AsyncIterable<Job>,
  { signal, upload, replace = false }: SubmitOptions = {},
): Promise<Submission> {
  const { batch } = header;
  const facts = {
    model: app.model.id,
    maxClips: header.maxClips,
    source: header.source,
    since: await redisTime(app.redis),
  };
  const sum: Submission = { batch, added: 0, existing: 0, changed: [] };
  const taken: IntakeReport['taken'] = [];
  const add = async (items: NewItem[], more: boolean) => {
    const report = await app.intake.add(batch, facts, items, more).catch((error: unknown) => {
      if (error instanceof BudgetConflict) throw new InputError([budgetDiagnostic(header, error.budget, error.source)]);
      throw error;
    });
    app.dispatcher.kick();
    for (const attempt of report.poll) await app.queues.poll(attempt, 0);
    sum.added += report.added;
    sum.existing += report.existing + report.resumed;
    sum.changed.push(...report.changed.slice(0, CHANGED_NAMED - sum.changed.length));
    taken.push(...report.taken);
  };
  // One page is read and made ready while Redis registers the one before it.
  let registering: Promise<void> | undefined;
  try {
    for await (const page of pagesOf(jobs, INTAKE_PAGE)) {
      signal?.throwIfAborted();
      // An item that is in the ledger may be posted at any moment: its images are there before it.
      await upload?.(await newWithImages(app, batch, page));
      await registering;
      registering = add(
        page.map(({ images: _local, ...item }) => ({ ...item, ...(replace && { replace }) })),
        true,
      );
      // Awaited, and so reported, before the next page.
      registering.catch(() => {});
    }
    await registering;
  } catch (error) {
    await registering?.catch(() => {});
    // What was added before the mistake is a batch of its own, which can end.
    if (error instanceof UserError) await add([], false);
    throw error;
  }
  await add([], false);
  if (sum.changed.length > 0) {
    const made = (await app.queries.batch(batch))?.source ?? undefined;
    if (made !== header.source) sum.otherSource = made;
  }
  await spendLargerBudget(app, batch);
  if (taken.length > 0) throw new InputError(taken.map((item) => outputTaken(header, item)));
  return sum;
}

/** Returns the items whose images are needed: items that exist are not posted again. */
async function newWithImages(app: App, batch: string, jobs: readonly Job[]): Promise<Job[]> {
  const withImages = jobs.filter((job) => job.images !== undefined);
  if (withImages.length === 0) return [];
  const known = await knownItems(app, batch, withImages);
  return withImages.filter((_job, index) => known[index] === undefined);
}

/** @returns the fingerprints of the content of items that exist, in the order of the jobs */
export async function knownItems(app: App, batch: string, jobs: readonly Job[]): Promise<(string | undefined)[]> {
  const known = app.redis.pipeline();
  for (const job of jobs) known.hget(app.keys.item(refOf(batch, job.id)), 'hash');
  return ((await known.exec()) ?? []).map(([, hash]) => (typeof hash === 'string' ? hash : undefined));
}

export interface Preview {
  /** Clips that are not there yet and not under way. */
  added: number;
  existing: number;
  /** Seconds of video of those that are new. */
  videoSeconds: number;
  /** Bytes of the JSON of their inputs, and of their ids and output names. */
  inputBytes: number;
  nameBytes: number;
  /** The budget that will hold for the batch. */
  maxClips: number | undefined;
  /** Submissions of the batch that were accepted or may have been. */
  posted: number;
  /** Items of the batch that are still to be submitted. */
  waiting: number;
  /** Clips that an earlier run has stored, and that this ledger does not know. */
  stored: number;
  /** Tasks of an earlier run that are still to be had. */
  underWay: number;
  /** Items of an earlier run that failed, were cancelled or are held. */
  ended: number;
}

/**
 * What submitting would do, without doing it.
 * @param check compares the jobs with the folder of their batch as well
 * @throws InputError when an output name belongs to an item of another batch
 */
export async function previewJobs(
  app: App,
  header: SubmitHeader,
  jobs: Iterable<Job> | AsyncIterable<Job>,
  check?: FolderCheck,
): Promise<Preview> {
  const batch = await app.queries.batch(header.batch);
  const conflict = budgetConflict(header, batch);
  if (conflict !== undefined) throw new InputError([conflict]);
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
    const [obstacles, known] = await Promise.all([
      obstaclesOf(app, header.batch, page),
      knownItems(app, header.batch, page),
    ]);
    const isKnown = known.map((hash) => hash !== undefined);
    const fates = (await check?.page(page, isKnown)) ?? [];
    for (const [index, job] of page.entries()) {
      const [obstacle, fate, hash] = [obstacles[index], fates[index], known[index]];
      if (hash !== undefined) {
        sum.existing += 1;
        if (otherFile && hash !== contentHash(job.provider, JSON.stringify(job.input))) check?.otherContent(job.id);
      } else if (fate === 'done') sum.stored += 1;
      else if (fate === 'generating') sum.underWay += 1;
      else if (fate !== undefined) sum.ended += 1;
      else if (obstacle) problems.push(outputTaken(header, { id: job.id, output: job.output, ...obstacle }));
      else {
        sum.added += 1;
        sum.inputBytes += Buffer.byteLength(JSON.stringify(job.input));
        sum.nameBytes += Buffer.byteLength(job.id) + Buffer.byteLength(job.output);
        sum.videoSeconds += app.model.videoSeconds(job.input);
      }
    }
  }
  if (problems.length > 0) throw new InputError(problems);
  return sum;
}

/** Whether the batch came from another jobs file than this one. Earlier versions kept paths as they were given. */
function isOtherFile({ source }: SubmitHeader, batch: Batch | undefined): boolean {
  const made = batch?.source ?? undefined;
  return made !== undefined && isAbsolute(made) && source !== undefined && isAbsolute(source) && source !== made;
}

/** The obstacle of each job's name, as registering it decides. */
async function obstaclesOf(
  app: App,
  batch: string,
  jobs: readonly Job[],
): Promise<(Pick<TakenOutput, 'why' | 'owner'> | undefined)[]> {
  const names = jobs.map((job) => foldedName(job.output));
  const folders = [...new Set(names.flatMap(foldersOf))];
  const asked = [...names, ...names.map((name) => `${name}/`), ...folders];
  const values = await app.redis.hmget(app.keys.outputs, ...asked);
  const owners = asked.map((name, index) => ownerOf(name, values[index]));
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

function outputTaken(header: SubmitHeader, taken: TakenOutput): Diagnostic {
  return {
    ...(header.source && { file: header.source }),
    job: taken.id,
    field: 'output',
    message: takenMessage(taken),
  };
}

/** A budget belongs to the batch: only the source that gave it may change it. */
function budgetConflict(header: SubmitHeader, batch: Batch | undefined): Diagnostic | undefined {
  const { maxClips, source } = header;
  if (maxClips === undefined || !batch || batch.maxClips === null || batch.maxClips === maxClips) return undefined;
  if (source !== undefined && batch.budgetSource === source) return undefined;
  return budgetDiagnostic(header, batch.maxClips, batch.budgetSource ?? undefined);
}

function budgetDiagnostic(
  { batch, maxClips, source }: SubmitHeader,
  budget: number,
  from: string | undefined,
): Diagnostic {
  const message =
    `is ${maxClips}, and the batch "${batch}" has a budget of ${budget} from ${from ?? 'another submission'}: ` +
    `${from === undefined ? 'leave it out' : 'change it there'}, or choose another batch`;
  return { ...(source && { file: source }), field: 'max_clips', message };
}

/** Items that were held for a spent budget continue when it has grown. */
async function spendLargerBudget(app: App, name: string): Promise<void> {
  const batch = await app.queries.batch(name);
  if (!batch?.failures['BUDGET'] || (batch.maxClips !== null && batch.posted >= batch.maxClips)) return;
  for await (const ids of app.queries.idPages(name)) {
    await app.admin.retry(name, ids, { states: ['held'], code: 'BUDGET' });
  }
  app.dispatcher.kick();
}
