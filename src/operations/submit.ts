import { InputError, UserError, type Diagnostic } from '../core/errors.ts';
import type { Job } from '../jobs/job.ts';
import {
  BudgetConflict,
  INTAKE_PAGE,
  type IntakeReport,
  takenMessage,
  type NewItem,
  type TakenOutput,
} from '../ledger/intake.ts';
import { refOf } from '../ledger/schema/keys.ts';
import { redisTime } from '../redis/time.ts';
import type { App } from '../app.ts';
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

export function outputTaken(header: SubmitHeader, taken: TakenOutput): Diagnostic {
  return {
    ...(header.source && { file: header.source }),
    job: taken.id,
    field: 'output',
    message: takenMessage(taken),
  };
}

export function budgetDiagnostic(
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
