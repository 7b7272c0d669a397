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
import { SourceError } from '../../download/error.ts';
import type { SourceOpener } from '../../download/open.ts';
import { StorageError, type Storage } from '../../storage/storage.ts';
import { fetchClips } from './fetch-clips.ts';
import { askFreshUrls } from './fresh-urls.ts';
import type { StepContext } from './context.ts';
import { again, done, type Outcome } from '../../queue/outcome.ts';
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
  /** Where people read why nothing is stored. */
  conditions: Pick<Conditions, 'raise' | 'clear'>;
  requests: Pick<RequestBucket, 'take'>;
  source: Pick<SourceOpener, 'open'>;
  storage: Pick<Storage, 'put' | 'recover'>;
  /** Describes the clip in a file beside it; absent where CLIPMILL_SIDECAR is off. */
  writeSidecar?: WriteSidecar | undefined;
  places: Pick<DownloadPlaces, 'acquire'>;
  breaker: Pick<StorageBreaker, 'acquire' | 'success' | 'failure'>;
  model: Model;
}

/** Attempts in a row without a clip after which nothing more is paid for until one can be downloaded. */
const MOST_WITHOUT_CLIP = 20;
/** Waits between tries at one clip: its URL is good for days, and no slot waits for it. */
const downloadBackoff = { baseMs: 1_000, capMs: 300_000 };
/** Wait of a job that found no place, or lost it. */
const placeBackoff = { baseMs: 1_000, capMs: 5_000 };
/**
 * URLs that lead where no clip may come from, before the item fails. Each is given time: the fault is often this
 * machine's, behind a portal or a VPN that resolves every name to itself.
 */
const MOST_REFUSED = 3;
const REFUSED_MS = 300_000;
/**
 * Answers in a row that there is no URL, before the item fails: 9 to 19 minutes. The clip is paid for, and
 * the API may have forgotten the task, or its URL, for a moment only.
 */
const MOST_DENIED = 12;
/** At every so many starts the API is asked for another URL, although nothing shows that this one has expired. */
const ASK_EVERY = 5;
/** The part of a result's life after which a log line warns that it has not been fetched yet. */
const NEAR_END = 0.9;
/**
 * Answers that are no clip before the item is held, and the waits between them: four minutes, in which a host
 * that answers with a page of its own for a moment recovers. Slow ones get more tries, as the line may be at fault.
 */
const UNUSABLE_WAITS_MS = [15_000, 30_000, 60_000, 120_000];
const MOST_SLOW = 12;
/** Why an item is held when its result never becomes a clip. */
const unusableCodes = {
  unusable: 'RESULT_NOT_A_CLIP',
  'too-large': 'RESULT_TOO_LARGE',
  slow: 'RESULT_TOO_SLOW',
} as const;

/** Downloads the clips of one attempt and stores them whole. */
export async function downloadStep(deps: DownloadDeps, context: StepContext): Promise<Outcome> {
  const { attempt, signal } = context;
  for (;;) {
    await deps.breaker.acquire(signal);
    const place = await deps.places.acquire(attempt.batch, signal);
    if (!place) return again(backoffMs(context.attemptsStarted, placeBackoff));
    try {
      const task = await deps.attempts.downloadTask(attempt);
      if (!task) return done;
      const outcome = await tryDownload(deps, task, context, place);
      if (outcome) return outcome;
    } finally {
      place.release();
    }
  }
}

/** @returns `undefined` while the storage is down: the step waits at its breaker and tries again */
async function tryDownload(
  deps: DownloadDeps,
  task: DownloadTask,
  context: StepContext,
  place: Place,
): Promise<Outcome | undefined> {
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
      // While the storage is down, no item is at fault: this one waits at the breaker with the others.
      if (await deps.breaker.failure(error, signal)) return undefined;
      const retryMs = backoffMs(context.attemptsStarted, downloadBackoff);
      log.warn({ task: task.taskId, reason: describeError(error), retryMs }, 'storing failed, trying again');
      return again(retryMs);
    }
    return await sourceFailed(deps, task, error, context);
  }
}

/** Decides whether a clip that could not be downloaded is tried again, by another URL, or never. */
async function sourceFailed(
  deps: DownloadDeps,
  task: DownloadTask,
  error: unknown,
  context: StepContext,
): Promise<Outcome> {
  const { attempt } = context;
  const log = context.log.child({ task: task.taskId });
  const reason = describeError(error);
  await stopPaying(deps, context, reason);
  const age = await deps.attempts.ageOf(task);
  if (age >= deps.model.resultsLastMs) return fail(deps, context, 'RESULT_GONE', reason);
  if (age >= deps.model.resultsLastMs * NEAR_END && (await deps.attempts.nearsEnd(attempt))) {
    const endsAt = new Date(task.since + deps.model.resultsLastMs).toISOString();
    log.error({ reason, endsAt }, 'the clip could not be fetched for days, and its result ends soon');
  }
  const fault = error instanceof SourceError ? error.fault : 'broken';
  if (fault === 'forbidden' && (await deps.attempts.urlRefused(attempt)) > MOST_REFUSED) {
    return fail(deps, context, 'RESULT_REFUSED', reason);
  }
  if (fault === 'unusable' || fault === 'too-large' || fault === 'slow') {
    return await unusable(deps, task, { fault, reason }, context);
  }
  const retryMs = fault === 'forbidden' ? REFUSED_MS : backoffMs(context.attemptsStarted, downloadBackoff);
  log.warn({ fault, reason, retryMs }, 'download failed, trying again');
  // Now and then for a broken one as well: its host may be gone, or answer with a page, and a better one exist.
  if (fault === 'broken' && context.attemptsStarted % ASK_EVERY !== 0) return again(retryMs);
  const found = await askFreshUrls(deps, task.taskId, context);
  if (fault === 'broken' || found !== 'none') return again(retryMs);
  if ((await deps.attempts.urlDenied(attempt)) < MOST_DENIED) return again(retryMs);
  return fail(deps, context, 'RESULT_GONE', reason);
}

/** Halts submission when no clip can be downloaded: each further task would be paid for in vain. */
async function stopPaying(deps: DownloadDeps, { attempt, log }: StepContext, reason: string): Promise<void> {
  const failed = await deps.attempts.clipFailed(attempt);
  if (failed < MOST_WITHOUT_CLIP) return;
  const message = `no clip could be downloaded for ${failed} tasks in a row: ${reason}`;
  deps.conditions.raise('downloads', message, 'The tasks are paid for: their clips are tried again by themselves.');
  if ((await deps.account.halt('no-downloads', message)) === 'halted') {
    log.error({ reason: 'no-downloads' }, `submission is halted: ${message}`);
  }
}

/** The result is no clip, or never arrives: it may be replaced within minutes, else the item is held. */
async function unusable(
  deps: DownloadDeps,
  task: DownloadTask,
  { fault, reason }: { fault: keyof typeof unusableCodes; reason: string },
  context: StepContext,
): Promise<Outcome> {
  const { attempt } = context;
  const log = context.log.child({ task: task.taskId });
  const tries = await deps.attempts.urlUnusable(attempt);
  const most = fault === 'slow' ? MOST_SLOW : UNUSABLE_WAITS_MS.length + 1;
  if (tries >= most) {
    const code = unusableCodes[fault];
    log.error({ code, reason, tries }, `held: ${reasons[code]}`);
    await deps.attempts.held(attempt, { code, message: `${reasons[code]}: ${reason}` });
    return done;
  }
  const retryMs =
    fault === 'slow' ? backoffMs(tries, downloadBackoff) : (UNUSABLE_WAITS_MS[tries - 1] ?? downloadBackoff.capMs);
  log.warn({ fault, reason, tries, retryMs }, 'download failed, trying again');
  // A fresh URL may lead to the clip.
  await askFreshUrls(deps, task.taskId, context);
  return again(retryMs);
}

async function fail(deps: DownloadDeps, { attempt, log }: StepContext, code: Reason, reason: string): Promise<Outcome> {
  log.error({ code, reason }, `failed: ${reasons[code]}`);
  await deps.attempts.failed(attempt, { code, message: `${reasons[code]}: ${reason}` });
  return done;
}
