import { foldedName } from '../core/folded-name.ts';
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { withoutSignatures } from '../core/redact.ts';
import type { RedisClient } from '../redis/connect.ts';
import { refOf, type Keys } from './schema/keys.ts';
import { durationBin } from './schema/constants.ts';
import { scriptJson, type RunScript } from './scripts.ts';
import type { Attempt } from './attempt.ts';
import {
  beginReply,
  moveReply,
  pollReply,
  unclearReply,
  type BeginReply,
  type MoveReply,
  type PollPermit,
  type UnclearAnswers,
} from './attempt-replies.ts';
import { redisTime } from '../redis/time.ts';
import type { ItemState } from './schema/states.ts';

export type { Attempt } from './attempt.ts';

/** The result of an attempt that is not stored yet, and the name to store it under. */
export interface DownloadTask {
  taskId: string;
  urls: string[];
  output: string;
  /** Whether the clip may replace a file of that name. */
  replace: boolean;
  /** When a poll found that the task had ended, Unix ms of Redis's clock. */
  since: number;
}

/** A file that is stored completely. */
export interface StoredFile {
  location: string;
  size: number;
  sha256: string;
}

/** The stored clip of an attempt, and further ones when the task made several. */
export interface StoredClip extends StoredFile {
  /** Its name in the storage, when the item's output name could not be used; and the reason. */
  storedAs?: string;
  storedAsReason?: string;
  more?: readonly (StoredFile & { output: string })[];
}

/** A task that the API has accepted. */
export interface AcceptedTask {
  taskId: string;
  /** Number of tasks of the item, including this one. */
  tasks: number;
  /** Model, duration and provider, which determine how long the task takes. */
  kind: string;
  /** Whether it was posted with a callback URL. */
  callback?: boolean;
}

/** Why an attempt ended without its clip: a code of schema/reasons.ts or of the API, and a message. */
export interface Cause {
  code: string;
  message: string;
}

/**
 * The life cycle of an attempt, one method per transition. Every method is one atomic script in Redis that checks the
 * transition and updates the counts, and may be called twice. The same script gives a slot that it frees to another
 * attempt, whose submit job is added before the method resolves.
 */
export interface Attempts {
  /** Requests the permit to post. @param tryId of newTry(), one for each run of the submit step */
  begin(attempt: Attempt, tryId: string, holdingToken: boolean): Promise<BeginReply>;
  /** Records an accepted task; also for an attempt that is held, cancelled or queued again, as the answer came late. */
  accepted(attempt: Attempt, task: AcceptedTask): Promise<MoveReply>;
  /**
   * Requeues the item, due in `delayMs`, because its POST was certainly not accepted or not sent; its clip returns to
   * the budget. Also for an attempt that is held as PROCESS_DIED: the process with the permit is alive after all.
   */
  notAccepted(attempt: Attempt, refusals: number, delayMs: number, serverErrors?: number): Promise<MoveReply>;
  /** Fails the item: its POST was certainly not accepted, and never will be. */
  rejected(attempt: Attempt, cause: Cause): Promise<MoveReply>;
  /**
   * Holds the item, because its POST may have been accepted, and keeps its slot for `mayRunMs`, as long as such a task
   * may run. Also for an item that is queued because a promoted replica lacks the record of the permit.
   */
  ambiguous(attempt: Attempt, cause: Cause, mayRunMs: number): Promise<MoveReply>;
  /** Does the same, but requeues the item, due in `delayMs`; `tasks` includes the task that may exist. */
  resubmit(
    attempt: Attempt,
    cause: Cause,
    mayRunMs: number,
    next: { tasks: number; delayMs: number },
  ): Promise<MoveReply>;
  /** Requests the permit to poll. */
  pollPermit(attempt: Attempt, holdingToken: boolean): Promise<PollPermit>;
  /** Returns whether a callback has come since the last permit to poll this attempt. */
  hinted(attempt: Attempt): Promise<boolean>;
  /**
   * Records that the task has a clip; the item keeps its `urls` until the clip is stored. Adaptive polling learns from
   * `durationMs`, the duration of the task; implausible values are ignored.
   */
  generated(attempt: Attempt, urls: readonly string[], durationMs: number): Promise<MoveReply>;
  /** Requeues the item, due in `delayMs`: its task failed, and another one follows. */
  taskFailedAgain(attempt: Attempt, cause: Cause, delayMs: number): Promise<MoveReply>;
  /** Fails the item, because the API failed its task: a retry need not poll that task first. */
  taskFailed(attempt: Attempt, cause: Cause): Promise<MoveReply>;
  /** Fails the item. */
  failed(attempt: Attempt, cause: Cause): Promise<MoveReply>;
  /** Counts an answer without a state of the task. */
  unclear(attempt: Attempt): Promise<UnclearAnswers>;
  /** Records that the API's answers about the task are understood again. */
  understood(attempt: Attempt): Promise<void>;
  /** Holds the item for a decision of the user: its task is not polled any more, and its slot is freed. */
  held(attempt: Attempt, cause: Cause): Promise<MoveReply>;
  /** Returns the result to download; `undefined` when this attempt has no clip to store any more. */
  downloadTask(attempt: Attempt): Promise<DownloadTask | undefined>;
  /** Returns the time since a poll found the end of the task, in milliseconds by the clock of Redis. */
  ageOf(task: Pick<DownloadTask, 'since'>): Promise<number>;
  /** Replaces the URLs of the result, unless the clip is stored. */
  freshUrls(attempt: Attempt, urls: readonly string[]): Promise<void>;
  /** Counts a result URL whose address is not allowed. @returns how many there have been */
  urlRefused(attempt: Attempt): Promise<number>;
  /** Counts an answer that the task has no URL. @returns how many there have been since the last fresh URL */
  urlDenied(attempt: Attempt): Promise<number>;
  /** Counts an answer that was no clip. @returns how many there have been */
  urlUnusable(attempt: Attempt): Promise<number>;
  /** Counts an attempt whose download failed. @returns how many attempts have, since a clip was last stored */
  clipFailed(attempt: Attempt): Promise<number>;
  /** Records that the result expires soon. @returns true the first time for this attempt: the caller logs it */
  nearsEnd(attempt: Attempt): Promise<boolean>;
  /** Claims a name in the storage for a further clip of the item. @returns false when another item owns it */
  claimOutput(attempt: Attempt, output: string): Promise<boolean>;
  /** Ends the item as done: its clip is stored. */
  stored(attempt: Attempt, clip: StoredClip): Promise<MoveReply>;
}

const resultUrls = z.array(z.string());

/** Maximum number of items that a freed slot dispatches: more than one only if other slots became free unnoticed. */
const DISPATCHED_AT_ONCE = 8;

interface Step {
  task?: string;
  heldAs?: string;
  from: readonly ItemState[];
  fields?: readonly (string | number)[];
  delayMs?: number;
  keepSlotMs?: number;
  unspent?: true;
  archive?: Cause;
  durationBin?: number | undefined;
}

/** Removes signatures from URLs: the API may quote the signed URL of an image that it could not fetch. */
function redacted(cause: Cause): Cause {
  return { code: withoutSignatures(cause.code), message: withoutSignatures(cause.message) };
}

function reasonFields(cause: Cause): string[] {
  const { code, message } = redacted(cause);
  return ['code', code, 'message', message];
}

function storedFields({ location, size, sha256, storedAs, storedAsReason, more }: StoredClip): (string | number)[] {
  const name = storedAs === undefined ? [] : ['storedAs', storedAs, 'storedAsReason', storedAsReason ?? ''];
  const others = more ? ['more', JSON.stringify(more)] : [];
  return ['location', location, 'size', size, 'sha256', sha256, ...name, ...others];
}

export interface AttemptsDeps {
  redis: RedisClient;
  keys: Keys;
  run: RunScript;
  /** Adds the submit jobs of attempts that got a freed slot; never called with an empty list. */
  onDispatched: (attempts: readonly Attempt[]) => Promise<void>;
}

export function createAttempts({ redis, keys, run, onDispatched }: AttemptsDeps): Attempts {
  async function move({ batch, id, attempt, tryId }: Attempt, to: ItemState, step: Step): Promise<MoveReply> {
    const body = scriptJson({ ...step, tryId, dispatch: DISPATCHED_AT_ONCE });
    const { dispatched, ...reply } = moveReply.parse(await run('move', refOf(batch, id), attempt, to, body));
    if (dispatched.length > 0) await onDispatched(dispatched);
    return reply;
  }

  async function countDownload({ batch, id, attempt }: Attempt, what: string): Promise<number> {
    return z.number().parse(await run('count-download', refOf(batch, id), attempt, what));
  }

  return {
    async begin({ batch, id, attempt }, tryId, holdingToken) {
      return beginReply.parse(await run('begin', refOf(batch, id), attempt, tryId, holdingToken ? '1' : '0'));
    },
    async pollPermit({ batch, id, attempt }, holdingToken) {
      return pollReply.parse(await run('poll-permit', refOf(batch, id), attempt, holdingToken ? '1' : '0'));
    },
    async hinted({ batch, id }) {
      return (await redis.hexists(keys.item(refOf(batch, id)), 'wake')) === 1;
    },
    accepted: (attempt, { taskId, tasks, kind, callback }) =>
      move(attempt, 'generating', {
        from: ['submitting', 'held', 'queued', 'cancelled'],
        task: taskId,
        fields: [
          'task',
          taskId,
          'tasks',
          tasks,
          'kind',
          kind,
          'refusals',
          0,
          'retried',
          '',
          ...(callback ? ['callback', 1] : []),
        ],
      }),
    notAccepted: (attempt, refusals, delayMs, serverErrors) =>
      move(attempt, 'queued', {
        from: ['submitting', 'held'],
        heldAs: 'PROCESS_DIED',
        fields: ['refusals', refusals, ...(serverErrors === undefined ? [] : ['serverErrors', serverErrors])],
        delayMs,
        unspent: true,
      }),
    rejected: (attempt, cause) =>
      move(attempt, 'failed', { from: ['submitting'], fields: reasonFields(cause), unspent: true }),
    ambiguous: (attempt, cause, mayRunMs) =>
      move(attempt, 'held', { from: ['submitting', 'queued'], fields: reasonFields(cause), keepSlotMs: mayRunMs }),
    resubmit: (attempt, cause, mayRunMs, { tasks, delayMs }) =>
      move(attempt, 'queued', {
        from: ['submitting'],
        fields: ['tasks', tasks],
        keepSlotMs: mayRunMs,
        archive: redacted(cause),
        delayMs,
      }),
    generated: (attempt, urls, durationMs) =>
      move(attempt, 'downloading', {
        from: ['generating'],
        fields: ['urls', JSON.stringify(urls)],
        durationBin: durationBin(durationMs),
      }),
    taskFailedAgain: (attempt, cause, delayMs) =>
      move(attempt, 'queued', { from: ['generating'], delayMs, archive: redacted(cause) }),
    taskFailed: (attempt, cause) =>
      move(attempt, 'failed', { from: ['generating'], fields: [...reasonFields(cause), 'over', attempt.attempt] }),
    async unclear({ batch, id, attempt }) {
      return unclearReply.parse(await run('unclear', refOf(batch, id), attempt, 1));
    },
    async understood({ batch, id, attempt }) {
      await run('unclear', refOf(batch, id), attempt, 0);
    },
    failed: (attempt, cause) =>
      move(attempt, 'failed', { from: ['generating', 'downloading'], fields: reasonFields(cause) }),
    held: (attempt, cause) =>
      move(attempt, 'held', { from: ['generating', 'downloading'], fields: reasonFields(cause) }),
    async downloadTask({ batch, id, attempt }) {
      const [state, current, taskId, urls, output, at, replace] = await redis.hmget(
        keys.item(refOf(batch, id)),
        'state',
        'attempt',
        'task',
        'urls',
        'output',
        'at',
        'replace',
      );
      if (state !== 'downloading' || current !== String(attempt) || !taskId || !output) return undefined;
      return {
        taskId,
        output,
        urls: resultUrls.parse(JSON.parse(urls ?? '[]')),
        since: Number(at),
        replace: replace === '1',
      };
    },
    ageOf: async ({ since }) => (await redisTime(redis)) - since,
    async freshUrls({ batch, id, attempt }, urls) {
      await run('fresh-urls', refOf(batch, id), attempt, JSON.stringify(urls));
    },
    urlRefused: (attempt) => countDownload(attempt, 'refusedUrls'),
    urlDenied: (attempt) => countDownload(attempt, 'deniedUrls'),
    clipFailed: (attempt) => countDownload(attempt, 'noClip'),
    urlUnusable: (attempt) => countDownload(attempt, 'unusableUrls'),
    nearsEnd: async (attempt) => (await countDownload(attempt, 'nearsEnd')) === 1,
    async claimOutput({ batch, id, attempt }, output) {
      return (await run('claim-output', refOf(batch, id), attempt, foldedName(output))) === 1;
    },
    stored: (attempt, clip) => move(attempt, 'done', { from: ['downloading'], fields: storedFields(clip) }),
  };
}

/** Returns the id of a new try; every begin() of one run of the submit step uses the same id. */
export function newTry(): string {
  return randomUUID();
}
