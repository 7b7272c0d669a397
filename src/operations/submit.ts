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

/** The batch of a submission, and its settings. */
export interface SubmitHeader {
  batch: string;
  /** Maximum number of submissions that may be accepted, retries included. Default: the budget that the batch has. */
  maxClips?: Budget | undefined;
  /** Source of the jobs, for messages: the path of the jobs file. */
  source?: string | undefined;
}

/** The result of a submission. */
export interface Submission {
  batch: string;
  /** New items. */
  added: number;
  /** Items that existed already and are unchanged. */
  existing: number;
  /** Ids of existing items whose jobs have changed, up to 20. The items keep their content. */
  changed: string[];
  /** The source that the batch was created from, if it is another one and items have changed. */
  otherSource?: string | undefined;
}

export interface SubmitOptions {
  /** Stops the submission; items that are submitted by then stay. */
  signal?: AbortSignal | undefined;
  /** Uploads the local images of jobs. Required if jobs have any. */
  upload?: UploadImages | undefined;
  /** Whether new clips replace existing files with their names. Default false. */
  replace?: boolean | undefined;
}

/** Maximum number of ids of changed items in a result. */
const CHANGED_NAMED = 20;

/**
 * Adds jobs to a batch and skips existing ones, so that a repeated call adds nothing. Work begins with the first
 * page, while later pages are read. The batch stays open, and cannot end, until the last page is added; an interrupted
 * submission is completed by repeating it. An invalid job ends the submission, and the jobs before it stay submitted.
 * @throws InputError if output names belong to other items, whose jobs were not added; errors of `upload`
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
  // One page is read and prepared while Redis registers the previous one.
  let registering: Promise<void> | undefined;
  try {
    for await (const page of pagesOf(jobs, INTAKE_PAGE)) {
      signal?.throwIfAborted();
      // An item in the ledger may be submitted at any time, so its images are uploaded first.
      await upload?.(await newWithImages(app, batch, page));
      await registering;
      registering = add(
        page.map(({ images: _local, ...item }) => ({ ...item, ...(replace && { replace }) })),
        true,
      );
      // Prevents an unhandled rejection. The error is thrown where the page is awaited.
      registering.catch(() => {});
    }
    await registering;
  } catch (error) {
    await registering?.catch(() => {});
    // Closes the batch, so that it can end with the items that were added before the error.
    if (error instanceof UserError) await add([], false);
    throw error;
  }
  await add([], false);
  if (sum.changed.length > 0) {
    const batchSource = (await app.queries.batch(batch))?.source ?? undefined;
    if (batchSource !== header.source) sum.otherSource = batchSource;
  }
  await requeueOverBudget(app, batch);
  if (taken.length > 0) throw new InputError(taken.map((item) => outputTaken(header, item)));
  return sum;
}

/** Returns the new jobs with images. The images of existing items are not needed again. */
async function newWithImages(app: App, batch: string, jobs: readonly Job[]): Promise<Job[]> {
  const withImages = jobs.filter((job) => job.images !== undefined);
  if (withImages.length === 0) return [];
  const known = await knownItems(app, batch, withImages);
  return withImages.filter((_job, index) => known[index] === undefined);
}

/** Returns the content hash of each job's item, in the order of the jobs; `undefined` for items that do not exist. */
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
    `is ${maxClips}, but the batch "${batch}" has a budget of ${budget} from ${from ?? 'another submission'}: ` +
    `${from === undefined ? 'leave it out' : 'change it there'}, or choose another batch`;
  return { ...(source && { file: source }), field: 'max_clips', message };
}

/** Requeues the items that are held because of the budget, if it is larger now. */
async function requeueOverBudget(app: App, name: string): Promise<void> {
  const batch = await app.queries.batch(name);
  if (!batch?.failures['BUDGET'] || (batch.maxClips !== null && batch.posted >= batch.maxClips)) return;
  for await (const ids of app.queries.idPages(name)) {
    await app.admin.retry(name, ids, { states: ['held'], code: 'BUDGET' });
  }
  app.dispatcher.kick();
}
