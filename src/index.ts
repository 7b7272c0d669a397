import { cancelBatch, type CancelResult } from './operations/cancel.ts';
import { requireBatch, requireJobs, requireOptions } from './operations/arguments.ts';
import { retryItems, type RetryChoice } from './operations/retry.ts';
import { readEvents, batchEnd, type Completion } from './operations/events.ts';
import type { BatchReports } from './reports/batch-reports.ts';
import { createReportWriter } from './reports/writer.ts';
import { readStatus, type BatchStatus, type Status } from './operations/status.ts';
import { imageUploads } from './operations/upload-images.ts';
import { submitJobs, type Submission } from './operations/submit.ts';
import { prepareStream } from './operations/prepare-stream.ts';
import { Closers } from './core/closers.ts';
import { loadConfig, secretsOf, type Environment } from './config/config.ts';
import { UserError } from './core/errors.ts';
import { expandJobs } from './jobs/stream.ts';
import type { JobDefaults, JobInput } from './jobs/job.ts';
import { emptyBatch, type Batch as BatchRecord } from './ledger/batch.ts';
import type { Item } from './ledger/item.ts';
import { createLogger, silentLogger, type Logger } from './core/log.ts';
import { queueNames, type QueueName } from './queue/queues.ts';
import { openApp } from './app.ts';
import { startWorkers } from './worker/start.ts';
import { openStorage } from './storage/open.ts';

export { InputError, UserError, type Diagnostic } from './core/errors.ts';
export { SettingsError } from './config/config.ts';
export type { BatchReports, BatchRecord, BatchStatus, CancelResult, Completion, Item, JobDefaults, JobInput };
export type { Logger, RetryChoice, Status, Submission };
export type { ItemState } from './ledger/schema/states.ts';
export type { StreamEvent } from './ledger/event.ts';

export interface ClipmillOptions {
  /**
   * Settings by their names in the environment, such as `{ APIXO_API_KEY: '…', REDIS_URL: '…' }`; see
   * `clipmill config` for all. They go before the variables of the environment.
   */
  settings?: Environment;
  /** The steps that this process works on. Default: all; `[]` for a process that only submits and reads. */
  work?: readonly QueueName[];
  /** Folder of the private Redis that is started when REDIS_URL is not set. Default `.clipmill`. */
  home?: string;
  /** A pino logger. Default: none; `true` for JSON lines on standard error. */
  log?: Logger | true;
}

/** Options for all jobs of a submission. */
export interface SubmitOptions {
  /** Template of the clips' names. Default `{batch}/{id}.mp4`. */
  output?: string;
  /**
   * Budget of the batch: submissions that may be accepted at most, retries included. Default: what the batch has
   * already, or no limit; `none` removes it. A batch that has a budget from another source refuses another figure.
   */
  maxClips?: number | 'none';
  /** Where the jobs come from: a budget may be changed by the source that gave it. Default: none. */
  source?: string;
  /** Job fields for all jobs that do not have them. */
  defaults?: JobDefaults;
  /**
   * Takes what the batch has in the storage for the clips of these jobs, also what this ledger does not know and what
   * was made of other content. Default false: such a folder is an error.
   */
  adopt?: boolean;
  /**
   * Pays for clips whose names or ids the storage has with other content, and replaces those files. All jobs are read
   * before the first is submitted then. Not together with `adopt`. Default false.
   */
  replace?: boolean;
  /** Stops the submission; items submitted by then stay, and submitting again completes them. */
  signal?: AbortSignal;
}

/** One batch: its state, its items, and what can be done with them. */
export interface BatchHandle {
  readonly name: string;
  /** Resolves when all items have ended, with the batch as it is then. */
  ended(options?: { signal?: AbortSignal }): Promise<BatchRecord>;
  status(): Promise<BatchStatus>;
  /** All items in their order, read a page at a time. */
  items(): AsyncIterable<Item>;
  item(id: string): Promise<Item | undefined>;
  /** Requeues ended items. @returns their number */
  retry(choice: RetryChoice): Promise<number>;
  /** Stops submitting items of the batch. */
  cancel(options?: { discard?: boolean }): Promise<CancelResult>;
  /** Writes manifest and gallery beside the clips. @returns where they are */
  storePages(): Promise<BatchReports>;
}

export interface Clipmill {
  /**
   * Adds jobs to a batch, each once: a job whose id is there already adds nothing, so the same call
   * again is safe. Work begins while later jobs are still read, so an async iterable may be slow or
   * long. Resolves when the last job is in.
   * Local images (`image_files`) are uploaded on the way; they need S3 storage.
   * A text is a job with this prompt. `{index}` in names continues from the end of the batch.
   * @throws InputError at the first job that is wrong; those before it are submitted. UserError for wrong arguments,
   * and when Redis has no room for the jobs: before the first of an array, before the next 10,000 of another iterable
   */
  submit(
    batch: string,
    jobs: Iterable<JobInput | string> | AsyncIterable<JobInput | string>,
    options?: SubmitOptions,
  ): Promise<BatchHandle & { submission: Submission }>;
  /** @throws UserError when there is no such batch */
  batch(name: string): Promise<BatchHandle>;
  /** Returns all batches, slots, request budget, and why nothing is submitted, if so. */
  status(): Promise<Status>;
  /** Ends of items and batches as they happen; `after` is the id of the last known event; default: only new events. */
  events(options?: { after?: string; signal?: AbortSignal }): AsyncIterable<Completion>;
  /** Stops submissions until `resume`. */
  pause(): Promise<void>;
  /** Ends a pause, or a halt because of the key or the credit. */
  resume(): Promise<void>;
  /** Drains the workers of this process and closes everything. Work that is not done continues at the next start. */
  close(): Promise<void>;
}

/**
 * Opens clipmill in this process: on the Redis of REDIS_URL, or on a private one in `.clipmill/`.
 * @throws UserError when a setting is missing or wrong, Redis is out of reach or cannot be used, or the storage
 * accepts no files
 */
export async function createClipmill(options: ClipmillOptions = {}): Promise<Clipmill> {
  requireOptions('createClipmill', options, ['settings', 'work', 'home', 'log']);
  const config = loadConfig({ ...process.env, ...options.settings });
  const log =
    options.log === true
      ? createLogger({ level: config.logLevel, secrets: secretsOf(config) })
      : (options.log ?? silentLogger());
  const closers = new Closers();
  try {
    const roles = options.work ?? queueNames;
    const app = await openApp(config, { log, redis: 'run', roles, ...(options.home && { home: options.home }) });
    closers.push(() => app.close());
    if (roles.length > 0) {
      const workers = await startWorkers(app);
      closers.push(() => workers.drain());
    }

    const handleOf = (name: string): BatchHandle => ({
      name,
      ended: ({ signal } = {}) => batchEnd(app, name, signal),
      async status() {
        const [batch] = (await readStatus(app, name)).batches;
        if (!batch) throw new UserError(`there is no batch "${name}"`);
        return batch;
      },
      items: () => app.queries.items(name),
      item: (id) => app.queries.item(name, id),
      retry: (choice) => retryItems(app, name, choice),
      cancel: ({ discard = false } = {}) => cancelBatch(app, name, discard),
      async storePages() {
        const storage = openStorage(config);
        try {
          return await createReportWriter({ ...app, storage }).write(name);
        } finally {
          await storage.close();
        }
      },
    });

    return {
      async submit(batch, jobs, given = {}) {
        requireJobs(batch, jobs);
        requireOptions('submit', given, ['output', 'maxClips', 'source', 'defaults', 'adopt', 'replace', 'signal']);
        const { output, maxClips, source, defaults, adopt, replace = false, signal } = given;
        if (adopt && replace) throw new UserError('submit: `adopt` and `replace` exclude each other');
        const storage = openStorage(config);
        try {
          const rules = await storage.nameRules();
          const total = (await app.queries.batch(batch))?.counts.total ?? 0;
          const limits = {
            firstIndex: total + 1,
            maxItems: config.maxItems,
            nameFault: (name: string) => rules.fault(name),
          };
          const expanded = expandJobs(jobs, { batch, output, maxClips, defaults }, limits);
          const upload = imageUploads(() => storage.inputs);
          const policy = adopt ? 'adopt' : replace ? 'replace' : 'refuse';
          const found = prepareStream(app, storage, batch, expanded, policy, { total: lengthOf(jobs), signal });
          const submission = await submitJobs(app, { batch, maxClips, source }, found, { signal, upload, replace });
          const handle = { ...handleOf(batch), submission };
          if (await app.queries.batch(batch)) return handle;
          return { ...handle, ended: async () => emptyBatch(batch, app.clock.now()) };
        } finally {
          await storage.close();
        }
      },
      async batch(name) {
        await requireBatch(app, name);
        return handleOf(name);
      },
      status: () => readStatus(app),
      events: ({ after, signal } = {}) => readEvents(app, after, signal),
      async pause() {
        await app.account.pause();
      },
      async resume() {
        await app.account.resume();
        app.dispatcher.kick();
      },
      close: () => closers.close(),
    };
  } catch (error) {
    await closers.close();
    throw error;
  }
}

/** The number of jobs, where it is known before they are read. */
function lengthOf(jobs: object): number | undefined {
  return Array.isArray(jobs) ? jobs.length : undefined;
}
