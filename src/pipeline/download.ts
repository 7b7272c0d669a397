import { ApixoError } from '../apixo/error.ts';
import type { ApixoClient } from '../apixo/client.ts';
import type { Model } from '../apixo/model.ts';
import { backoffMs } from '../backoff.ts';
import { describeError } from '../errors.ts';
import type { Attempt, Attempts, DownloadTask } from '../ledger/attempts.ts';
import { reasons } from '../ledger/states.ts';
import type { RequestBucket } from '../limits/requests.ts';
import type { Logger } from '../log.ts';
import { SourceError } from '../source/error.ts';
import type { SourceOpener } from '../source/open.ts';
import { WholeClip } from '../source/whole.ts';
import type { Storage } from '../storage/storage.ts';
import { again, done, type Outcome, type Turn } from './outcome.ts';
import type { WriteSidecar } from './sidecar.ts';

export interface DownloadDeps {
  api: Pick<ApixoClient, 'status'>;
  attempts: Pick<Attempts, 'downloadTask' | 'freshUrls' | 'stored' | 'failed'>;
  requests: RequestBucket;
  source: Pick<SourceOpener, 'open'>;
  storage: Storage;
  /** Tells of the clip in a file beside it, where that is wanted. */
  writeSidecar?: WriteSidecar | undefined;
  model: Model;
  log: Logger;
}

/** Waits between tries at one clip: its URL is good for days, and no slot waits for it. */
const downloadBackoff = { baseMs: 1_000, capMs: 300_000 };

/** Fetches the clip of one attempt and stores it whole. */
export async function downloadStep(deps: DownloadDeps, attempt: Attempt, turn: Turn): Promise<Outcome> {
  const task = await deps.attempts.downloadTask(attempt);
  if (!task) return done;
  const about = { batch: attempt.batch, item: attempt.id, attempt: attempt.attempt, task: task.taskId };
  try {
    const clip = await fetchClip(deps, attempt, task, turn);
    await deps.writeSidecar?.(attempt, clip);
    await deps.attempts.stored(attempt, clip);
    deps.log.debug({ ...about, ...clip }, 'stored');
    return done;
  } catch (error) {
    turn.draining.throwIfAborted();
    if (error instanceof SourceError && error.fault === 'expired') return renewUrl(deps, attempt, task, error, turn);
    const retryMs = backoffMs(turn.starts, downloadBackoff);
    deps.log.warn({ ...about, reason: describeError(error), retryMs }, 'download failed, trying again');
    return again(retryMs);
  }
}

async function fetchClip(deps: DownloadDeps, attempt: Attempt, task: DownloadTask, turn: Turn) {
  const [url] = task.urls;
  if (url === undefined) throw new SourceError('expired', 'the item has no result URL');
  const source = await deps.source.open(url, turn.draining);
  const clip = new WholeClip(source.length);
  const facts = { length: source.length, batch: attempt.batch, id: attempt.id, taskId: task.taskId };
  try {
    const { location } = await deps.storage.put(task.output, clip.check(source.body), facts, turn.draining);
    return { location, size: clip.size, sha256: clip.sha256() };
  } finally {
    source.body.destroy();
  }
}

/** Asks the API for a URL that is still good. */
async function renewUrl(
  deps: DownloadDeps,
  attempt: Attempt,
  task: DownloadTask,
  reason: SourceError,
  turn: Turn,
): Promise<Outcome> {
  const about = { batch: attempt.batch, item: attempt.id, task: task.taskId, reason: reason.message };
  const retryMs = backoffMs(turn.starts, downloadBackoff);
  try {
    await deps.requests.take(turn.draining);
    const report = await deps.api.status(deps.model, task.taskId);
    if (report.state === 'success') {
      await deps.attempts.freshUrls(attempt, report.urls);
      deps.log.info({ ...about, retryMs }, 'result URL has expired, a fresh one is there');
    }
    if (report.state !== 'failed') return again(retryMs);
  } catch (error) {
    if (!(error instanceof ApixoError)) throw error;
    if (error.trouble !== 'unknown-task') {
      deps.log.warn({ ...about, reason: error.message, retryMs }, 'no fresh URL yet, trying again');
      return again(retryMs);
    }
  }
  deps.log.error(about, `failed: ${reasons.RESULT_GONE}`);
  await deps.attempts.failed(attempt, { code: 'RESULT_GONE', message: reasons.RESULT_GONE });
  return done;
}
