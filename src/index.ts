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
import { startWorkers } from './worker/start-workers.ts';
import { openStorage } from './storage/open-storage.ts';

export { InputError, UserError, type Diagnostic } from './core/errors.ts';
export { SettingsError } from './config/config.ts';
export type { BatchReports, BatchRecord, BatchStatus, CancelResult, Completion, Item, JobDefaults, JobInput };
export type { Logger, RetryChoice, Status, Submission };
export type { ItemState } from './ledger/schema/states.ts';
export type { StreamEvent } from './ledger/event.ts';

export interface ClipmillOptions {
  /**
   * Settings by their names in the environment, such as `{ APIXO_API_KEY: '…', REDIS_URL: '…' }`. They override the
   * environment variables; `clipmill config` prints all of them.
   */
  settings?: Environment;
  /** The queues that this process works on. Default: all; `[]` for a process that only submits and reads. */
  work?: readonly QueueName[];
  /** Folder of the private Redis that is started when REDIS_URL is not set. Default `.clipmill`. */
  home?: string;
  /** A pino logger, or `true` for JSON lines on standard error. Default: no log. */
  log?: Logger | true;
}

/** Options for all jobs of a submission. */
export interface SubmitOptions {
  /** Template of the clips' names. Default `{batch}/{id}.mp4`. */
  output?: string;
  /**
   * Budget of the batch: maximum number of submissions that may be accepted, retries included; `none` removes it.
   * Default: the existing budget of the batch, if any. Only the source that set a budget can change it.
   */
  maxClips?: number | 'none';
  /** Source of the jobs, such as the path of a file: only the source that set a budget can change it. Default: none. */
  source?: string;
  /** Fields of jobs that do not have them. */
  defaults?: JobDefaults;
  /**
   * Accepts existing files of the batch in the storage as the clips of these jobs, even if Redis lacks them or they
   * have other content. Default false: such a folder is an error.
   */
  adopt?: boolean;
  /**
   * Pays for new clips where the storage has files with their names, or ids with other content, and replaces those
   * files. All jobs are then read before the first is submitted. Excludes `adopt`. Default false.
   */
  replace?: boolean;
  /** Stops the submission. Items submitted so far stay, and a repeated submission adds the rest. */
  signal?: AbortSignal;
}

/** One batch: its state, its items, and the operations on them. */
export interface BatchHandle {
  readonly name: string;
  /** Resolves with the batch when all its items have ended. */
  ended(options?: { signal?: AbortSignal }): Promise<BatchRecord>;
  status(): Promise<BatchStatus>;
  /** Yields all items in the order of their submission, and reads them in pages. */
  items(): AsyncIterable<Item>;
  item(id: string): Promise<Item | undefined>;
  /** Requeues ended items. @returns their number */
  retry(choice: RetryChoice): Promise<number>;
  /** Stops submitting items of the batch. `discard` also discards the clips in progress, which are paid for. */
  cancel(options?: { discard?: boolean }): Promise<CancelResult>;
  /** Writes manifest and gallery next to the clips. @returns their locations */
  storePages(): Promise<BatchReports>;
}

export interface Clipmill {
  /**
   * Adds jobs to a batch. A job whose id is already in the batch adds nothing, so the call is safe to repeat. Work
   * begins while later jobs are read, so an async iterable may be slow or long. Resolves when the last job is added.
   * A string is the prompt of a job. Local images (`image_files`) are uploaded, which requires S3 storage. `{index}` in
   * names continues from the end of the batch.
   * @throws InputError at the first invalid job; those before it are submitted. UserError for invalid arguments, and if
   * Redis lacks memory for the jobs: before the first one of an array, before the next 10,000 of another iterable
   */
  submit(
    batch: string,
    jobs: Iterable<JobInput | string> | AsyncIterable<JobInput | string>,
    options?: SubmitOptions,
  ): Promise<BatchHandle & { submission: Submission }>;
  /** Opens an existing batch. @throws UserError if there is none */
  batch(name: string): Promise<BatchHandle>;
  /** Returns the status of all batches and of the account, with the reason if submission or storage is blocked. */
  status(): Promise<Status>;
  /** Yields the end of each item and batch as it happens, from the event after the id `after`. Default: new events only. */
  events(options?: { after?: string; signal?: AbortSignal }): AsyncIterable<Completion>;
  /** Stops all submissions of the account until `resume`. */
  pause(): Promise<void>;
  /** Ends a pause, a halt and every cooldown of the account. */
  resume(): Promise<void>;
  /** Drains the workers of this process and closes everything. Unfinished work continues at the next start. */
  close(): Promise<void>;
}

/**
 * Opens clipmill in this process, with the Redis of REDIS_URL or a private one in `.clipmill/`, and starts its workers.
 * @throws UserError if a setting is missing or invalid, Redis is unreachable or unsuitable, or the storage accepts no
 * files
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

/** Returns the number of jobs if it is known before they are read. */
function lengthOf(jobs: object): number | undefined {
  return Array.isArray(jobs) ? jobs.length : undefined;
}
