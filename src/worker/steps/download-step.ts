import { metrics } from '../../core/metrics.ts';
import type { ApixoClient } from '../../apixo/client.ts';
import type { Model } from '../../apixo/model.ts';
import { backoffMs } from '../../core/backoff.ts';
import { describeError } from '../../core/errors.ts';
import type { Attempts, DownloadTask } from '../../ledger/attempts.ts';
import { reasons, type Reason } from '../../ledger/schema/reasons.ts';
import type { Account } from '../../ledger/account.ts';
import type { Conditions } from '../../ledger/conditions.ts';
import type { RequestBucket } from '../../ledger/request-token.ts';
import { SourceError } from '../../download/errors.ts';
import type { SourceOpener } from '../../download/open-source.ts';
import { StorageError, type Storage } from '../../storage/storage.ts';
import { fetchClips } from './fetch-clips.ts';
import { refreshUrls } from './fresh-urls.ts';
import type { StepContext } from './step-context.ts';
import { again, done, type StepResult } from '../../queue/step-result.ts';
import { PlaceLost, type DownloadPlaces, type Place } from './download-places.ts';
import type { WriteSidecar } from './sidecar.ts';
import type { StorageBreaker } from './storage-breaker.ts';

export interface DownloadDeps {
  api: Pick<ApixoClient, 'status'>;
  attempts: Pick<
    Attempts,
    | 'downloadTask'
    | 'ageOf'
    | 'freshUrls'
    | 'urlRefused'
    | 'urlDenied'
    | 'urlUnusable'
    | 'clipFailed'
    | 'nearsEnd'
    | 'claimOutput'
    | 'stored'
    | 'failed'
    | 'held'
  >;
  account: Pick<Account, 'halt'>;
  /** Shows users why no clips are stored. */
  conditions: Pick<Conditions, 'raise' | 'clear'>;
  requests: Pick<RequestBucket, 'take'>;
  source: Pick<SourceOpener, 'open'>;
  storage: Pick<Storage, 'put' | 'recover'>;
  /** Writes the sidecar of a clip; absent if CLIPMILL_SIDECAR is off. */
  writeSidecar?: WriteSidecar | undefined;
  places: Pick<DownloadPlaces, 'acquire'>;
  breaker: Pick<StorageBreaker, 'acquire' | 'success' | 'failure'>;
  model: Model;
}

/** Number of consecutive attempts without a clip after which submission halts. */
const MAX_WITHOUT_CLIP = 20;
/** Backoff of a failed download: its URL is valid for days, and it holds no slot. */
const downloadBackoff = { baseMs: 1_000, capMs: 300_000 };
/** Backoff of a job that got no place, or lost its place. */
const placeBackoff = { baseMs: 1_000, capMs: 5_000 };
/**
 * Number of retries of a URL with a forbidden address, and their interval in milliseconds. The fault is often on this
 * machine: a captive portal or VPN that resolves every name to itself.
 */
const MAX_FORBIDDEN = 3;
const FORBIDDEN_MS = 300_000;
/**
 * Number of consecutive answers without a URL before the item fails, which takes 9 to 19 minutes. The clip is paid
 * for, and the API may have lost the task or its URL only temporarily.
 */
const MAX_WITHOUT_URL = 12;
/** Every nth run of a failing download requests a fresh URL, although the current one has not expired. */
const REFRESH_EVERY = 5;
/** Fraction of the lifetime of a result after which a log line reports that it is still not downloaded. */
const NEAR_END = 0.9;
/**
 * Waits between tries of a result that is not a clip; after the last one the item is held. Four minutes are enough
 * for a host that temporarily serves an error page.
 */
const UNUSABLE_WAITS_MS = [15_000, 30_000, 60_000, 120_000];
/** Number of tries of a result that arrives too slowly: the network may be at fault. */
const MAX_SLOW = 12;
/** Codes of items that are held because their result is not a usable clip. */
const unusableCodes = {
  unusable: 'RESULT_NOT_A_CLIP',
  'too-large': 'RESULT_TOO_LARGE',
  slow: 'RESULT_TOO_SLOW',
} as const;

/** Downloads the clips of an attempt and stores them. */
export async function downloadStep(deps: DownloadDeps, context: StepContext): Promise<StepResult> {
  const { attempt, signal } = context;
  for (;;) {
    await deps.breaker.acquire(signal);
    const place = await deps.places.acquire(attempt.batch, signal);
    if (!place) return again(backoffMs(context.attemptsStarted, placeBackoff));
    try {
      const task = await deps.attempts.downloadTask(attempt);
      if (!task) return done;
      const result = await tryDownload(deps, task, context, place);
      if (result) return result;
    } finally {
      place.release();
    }
  }
}

/** @returns `undefined` while the storage is down: the step waits at the breaker and tries again */
async function tryDownload(
  deps: DownloadDeps,
  task: DownloadTask,
  context: StepContext,
  place: Place,
): Promise<StepResult | undefined> {
  const { attempt, log, signal } = context;
  try {
    const clip = await fetchClips(deps, task, context, place);
    await deps.writeSidecar?.(attempt, clip);
    if (clip.storedAs !== undefined) {
      const { storedAs, storedAsReason: reason } = clip;
      log.warn({ task: task.taskId, output: task.output, storedAs, reason }, 'the clip is stored under another name');
    }
    deps.breaker.success();
    deps.conditions.clear('downloads');
    const { result } = await deps.attempts.stored(attempt, clip);
    metrics.downloadBytes.inc(clip.size);
    log.debug({ task: task.taskId, ...clip, result }, 'stored');
    return done;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof PlaceLost) return again(backoffMs(context.attemptsStarted, placeBackoff));
    if (error instanceof StorageError) {
      // While the storage is down, the item is not at fault: it waits at the breaker with the others.
      if (await deps.breaker.failure(error, signal)) return undefined;
      const retryMs = backoffMs(context.attemptsStarted, downloadBackoff);
      log.warn(
        { task: task.taskId, reason: describeError(error), retryMs },
        'the clip could not be stored, trying again',
      );
      return again(retryMs);
    }
    return await recordSourceError(deps, task, error, context);
  }
}

/** Records a failed download: it is retried, with a fresh URL if necessary, or the item ends. */
async function recordSourceError(
  deps: DownloadDeps,
  task: DownloadTask,
  error: unknown,
  context: StepContext,
): Promise<StepResult> {
  const { attempt } = context;
  const log = context.log.child({ task: task.taskId });
  const reason = describeError(error);
  await haltIfNoneSucceeds(deps, context, reason);
  const age = await deps.attempts.ageOf(task);
  if (age >= deps.model.resultsLastMs) return fail(deps, context, 'RESULT_GONE', reason);
  if (age >= deps.model.resultsLastMs * NEAR_END && (await deps.attempts.nearsEnd(attempt))) {
    const endsAt = new Date(task.since + deps.model.resultsLastMs).toISOString();
    log.error({ reason, endsAt }, 'the clip could not be downloaded for days, and its result expires soon');
  }
  const fault = error instanceof SourceError ? error.fault : 'broken';
  if (fault === 'forbidden' && (await deps.attempts.urlRefused(attempt)) > MAX_FORBIDDEN) {
    return fail(deps, context, 'RESULT_REFUSED', reason);
  }
  if (fault === 'unusable' || fault === 'too-large' || fault === 'slow') {
    return await recordUnusable(deps, task, { fault, reason }, context);
  }
  const retryMs = fault === 'forbidden' ? FORBIDDEN_MS : backoffMs(context.attemptsStarted, downloadBackoff);
  log.warn({ fault, reason, retryMs }, 'download failed, trying again');
  // A broken URL is replaced only occasionally: its host may be gone, while another one serves the clip.
  if (fault === 'broken' && context.attemptsStarted % REFRESH_EVERY !== 0) return again(retryMs);
  const found = await refreshUrls(deps, task.taskId, context);
  if (fault === 'broken' || found !== 'none') return again(retryMs);
  if ((await deps.attempts.urlDenied(attempt)) < MAX_WITHOUT_URL) return again(retryMs);
  return fail(deps, context, 'RESULT_GONE', reason);
}

/** Halts submission if no download succeeds: no further task is paid for whose clip cannot be downloaded. */
async function haltIfNoneSucceeds(deps: DownloadDeps, { attempt, log }: StepContext, reason: string): Promise<void> {
  const failed = await deps.attempts.clipFailed(attempt);
  if (failed < MAX_WITHOUT_CLIP) return;
  const message = `no clip could be downloaded for ${failed} tasks in a row: ${reason}`;
  deps.conditions.raise('downloads', message, 'The tasks are paid for, and their downloads are retried automatically.');
  if ((await deps.account.halt('no-downloads', message)) === 'halted') {
    log.error({ reason: 'no-downloads' }, `submission is halted: ${message}`);
  }
}

/** Records a result that is not a usable clip: it is retried for some minutes, then the item is held. */
async function recordUnusable(
  deps: DownloadDeps,
  task: DownloadTask,
  { fault, reason }: { fault: keyof typeof unusableCodes; reason: string },
  context: StepContext,
): Promise<StepResult> {
  const { attempt } = context;
  const log = context.log.child({ task: task.taskId });
  const tries = await deps.attempts.urlUnusable(attempt);
  const maxTries = fault === 'slow' ? MAX_SLOW : UNUSABLE_WAITS_MS.length + 1;
  if (tries >= maxTries) {
    const code = unusableCodes[fault];
    log.error({ code, reason, tries }, `held: ${reasons[code]}`);
    await deps.attempts.held(attempt, { code, message: `${reasons[code]}: ${reason}` });
    return done;
  }
  const retryMs =
    fault === 'slow' ? backoffMs(tries, downloadBackoff) : (UNUSABLE_WAITS_MS[tries - 1] ?? downloadBackoff.capMs);
  log.warn({ fault, reason, tries, retryMs }, 'download failed, trying again');
  // A fresh URL may lead to the clip.
  await refreshUrls(deps, task.taskId, context);
  return again(retryMs);
}

async function fail(
  deps: DownloadDeps,
  { attempt, log }: StepContext,
  code: Reason,
  reason: string,
): Promise<StepResult> {
  log.error({ code, reason }, `failed: ${reasons[code]}`);
  await deps.attempts.failed(attempt, { code, message: `${reasons[code]}: ${reason}` });
  return done;
}
