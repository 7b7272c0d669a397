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

/** The files that an attempt has to download, and their names. */
export interface DownloadTask {
  taskId: string;
  urls: string[];
  output: string;
  /** Whether the clip may replace a file of that name. */
  replace: boolean;
  /** When a poll found that the task had ended, Unix ms of Redis's clock. */
  since: number;
}

/** A file whole in storage. */
export interface StoredFile {
  location: string;
  size: number;
  sha256: string;
}

/** The clip of an attempt, and where the task made several, the others by their names. */
export interface StoredClip extends StoredFile {
  /** Its name in the storage, where it could not have that of the item; and the reason. */
  storedAs?: string;
  storedAsReason?: string;
  more?: readonly (StoredFile & { output: string })[];
}

/** A task that the API has accepted. */
export interface AcceptedTask {
  taskId: string;
  /** How many tasks the item has had, this one included. */
  tasks: number;
  /** Tasks of one kind take about as long as each other. */
  kind: string;
  /** Whether it was posted with a callback URL. */
  callback?: boolean;
}

/** Why an attempt ended without its clip: a code of schema/reasons.ts or of the API, and words for people. */
export interface Cause {
  code: string;
  message: string;
}

/**
 * The life of an attempt, one method a transition. Every method is one atomic step in Redis that
 * checks the transition, keeps the counts and may be called twice. A slot that a step frees goes to
 * other attempts in the same script; their submit jobs are added before the method resolves.
 */
export interface Attempts {
  /** Asks for the permit to post. @param tryId of newTry(), one for each process that tries */
  begin(attempt: Attempt, tryId: string, holdingToken: boolean): Promise<BeginReply>;
  /** The API accepted a task. Also for an attempt that is held, cancelled or queued again: its answer came late. */
  accepted(attempt: Attempt, task: AcceptedTask): Promise<MoveReply>;
  /**
   * The POST was not accepted for certain, or never left: back to the queue for `delayMs`, with its clip of the
   * budget. Also for an attempt that was held as PROCESS_DIED: the process that has the permit lives, and knows.
   */
  notAccepted(attempt: Attempt, refusals: number, delayMs: number, serverErrors?: number): Promise<MoveReply>;
  /** The POST was not accepted for certain, and never will be: the item fails. */
  rejected(attempt: Attempt, cause: Cause): Promise<MoveReply>;
  /**
   * The POST may have been accepted: the item is held, and its slot for as long as such a task may run, `mayRunMs`. Also
   * for an item that is queued because a server took over that did not know the permit.
   */
  ambiguous(attempt: Attempt, cause: Cause, mayRunMs: number): Promise<MoveReply>;
  /** The same, but the item is posted once more after `delayMs`; `tasks` includes the task that may exist. */
  resubmit(
    attempt: Attempt,
    cause: Cause,
    mayRunMs: number,
    next: { tasks: number; delayMs: number },
  ): Promise<MoveReply>;
  /** Asks for the permit to poll. */
  pollPermit(attempt: Attempt, holdingToken: boolean): Promise<PollPermit>;
  /** Returns whether a callback has come since the last permit to poll this attempt. */
  hinted(attempt: Attempt): Promise<boolean>;
  /**
   * The task has a clip, whose `urls` stay on the item until it is stored. Adaptive polling learns from
   * `durationMs`, how long the task took; values that no task can take are ignored.
   */
  generated(attempt: Attempt, urls: readonly string[], durationMs: number): Promise<MoveReply>;
  /** The task failed, and another one follows after `delayMs`. */
  taskFailedAgain(attempt: Attempt, cause: Cause, delayMs: number): Promise<MoveReply>;
  /** The API has failed the task and no other follows: a retry need not poll it first. */
  taskFailed(attempt: Attempt, cause: Cause): Promise<MoveReply>;
  /** The item ends as failed. */
  failed(attempt: Attempt, cause: Cause): Promise<MoveReply>;
  /** Counts an answer without a state of the task. */
  unclear(attempt: Attempt): Promise<UnclearAnswers>;
  /** Records that the API's answers about the task are understood again. */
  understood(attempt: Attempt): Promise<void>;
  /** The item waits for the user; its task is given up and its slot freed. */
  held(attempt: Attempt, cause: Cause): Promise<MoveReply>;
  /** @returns `undefined` when this attempt has no clip to store any more */
  downloadTask(attempt: Attempt): Promise<DownloadTask | undefined>;
  /** Returns how long ago a poll found that the task had ended, in milliseconds of Redis's clock: this machine's may be wrong. */
  ageOf(task: Pick<DownloadTask, 'since'>): Promise<number>;
  /** Replaces the result's URLs, while the clip is not stored. */
  freshUrls(attempt: Attempt, urls: readonly string[]): Promise<void>;
  /** Counts a URL that led to an address that clips are not fetched from. @returns how many there have been */
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
  /** The clip is stored: the item is done. */
  stored(attempt: Attempt, clip: StoredClip): Promise<MoveReply>;
}

const resultUrls = z.array(z.string());

/** Items dispatched at once when a slot comes free: more than one only when several came free unnoticed. */
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

/** Removes signatures of URLs: the API may quote the URL of an image that it could not fetch, and anyone could use it. */
function harmless(cause: Cause): Cause {
  return { code: withoutSignatures(cause.code), message: withoutSignatures(cause.message) };
}

function reasonFields(cause: Cause): string[] {
  const { code, message } = harmless(cause);
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
  /** Adds the submit jobs of attempts that were given a freed slot; never called with an empty list. */
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
        archive: harmless(cause),
        delayMs,
      }),
    generated: (attempt, urls, durationMs) =>
      move(attempt, 'downloading', {
        from: ['generating'],
        fields: ['urls', JSON.stringify(urls)],
        durationBin: durationBin(durationMs),
      }),
    taskFailedAgain: (attempt, cause, delayMs) =>
      move(attempt, 'queued', { from: ['generating'], delayMs, archive: harmless(cause) }),
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

/** Returns an id for one try of a process at an attempt; every begin() of that try uses the same. */
export function newTry(): string {
  return randomUUID();
}
