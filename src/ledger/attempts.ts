import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { withoutSignatures } from '../core/log.ts';
import type { RedisClient } from '../redis/connect.ts';
import { refOf, type Keys } from './keys.ts';
import type { RunScript } from './scripts.ts';
import { redisTime } from '../redis/time.ts';
import type { ItemState } from './states.ts';

/** One attempt of one item: what jobs, slots and callbacks are about. */
export interface Attempt {
  batch: string;
  id: string;
  attempt: number;
}

/**
 * The answer to "may this attempt be posted now?"; see lua/begin.lua. `stale` tells the state of the
 * item if it is still at this attempt, else an empty one.
 */
export type BeginReply =
  | { kind: 'go'; input: object; provider: 'auto' | 'value' | 'official'; tasks: number; refusals: number }
  | { kind: 'wait'; ms: number }
  | { kind: 'stale'; state: string }
  | { kind: 'unknown'; tasks: number }
  | { kind: 'returned' | 'over-budget' };

/** The answer to "may this task be looked at now?"; see lua/look.lua. */
export type PollPermit =
  | {
      kind: 'go';
      /** How long the request token has to wait. */
      waitMs: number;
      taskId: string;
      /** Since the task was accepted. */
      ageMs: number;
      halted: string | undefined;
      tasks: number;
      /** Which tasks take about as long as this one. */
      taskKind: string;
    }
  | { kind: 'wait'; ms: number }
  | { kind: 'stale'; state: string };

/** Whether a step was recorded. */
export interface MoveReply {
  /** `already`: it was recorded before, by a command whose reply was lost. */
  result: 'moved' | 'already' | 'refused';
  /** The item's state now. */
  state: string;
}

/** What there is to fetch of an attempt, and where it goes. */
export interface DownloadTask {
  taskId: string;
  urls: string[];
  output: string;
  /** When the task was seen to have ended, Unix ms of Redis's clock. */
  since: number;
}

/** A file whole in storage. */
export interface StoredFile {
  location: string;
  size: number;
  sha256: string;
}

/** What came of an attempt: its clip, and where the task gave several, the others by their names. */
export interface StoredClip extends StoredFile {
  /** Its name in the storage, where it could not have that of the item; and the reason. */
  storedAs?: string;
  storedAsReason?: string;
  more?: readonly (StoredFile & { output: string })[];
}

/** A task that the API has given. */
export interface AcceptedTask {
  taskId: string;
  /** How many tasks the item has had, this one included. */
  tasks: number;
  /** Tasks of one kind take about as long as each other. */
  kind: string;
}

/** Why an attempt ended without its clip. */
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
  begin(attempt: Attempt, tryId: string, holdingToken: boolean): Promise<BeginReply>;
  /** The API gave a task. Also for an attempt whose answer came after all: held, cancelled, or to be posted once more. */
  accepted(attempt: Attempt, task: AcceptedTask): Promise<MoveReply>;
  /** The POST surely was not accepted: back to the queue for `delayMs`; nothing is spent. */
  notAccepted(attempt: Attempt, refusals: number, delayMs: number): Promise<MoveReply>;
  /** The POST surely was not accepted, and never will be. */
  rejected(attempt: Attempt, cause: Cause): Promise<MoveReply>;
  /** Nobody knows whether the POST was accepted: the slot stays taken as long as such a task may run, `mayRunMs`. */
  ambiguous(attempt: Attempt, cause: Cause, mayRunMs: number): Promise<MoveReply>;
  /** The same, and it is to be posted once more, after `delayMs`; `tasks` counts the one that there may be. */
  resubmit(
    attempt: Attempt,
    cause: Cause,
    mayRunMs: number,
    next: { tasks: number; delayMs: number },
  ): Promise<MoveReply>;
  look(attempt: Attempt, holdingToken: boolean): Promise<PollPermit>;
  /** The task has its clip. `urls` stay on the item until the clip is stored; `tookBin` is learned from. */
  generated(attempt: Attempt, urls: readonly string[], tookBin: number): Promise<MoveReply>;
  /** The task failed, and another one is to be tried after `delayMs`. */
  taskFailedAgain(attempt: Attempt, cause: Cause, delayMs: number): Promise<MoveReply>;
  /** The item ends as failed. */
  failed(attempt: Attempt, cause: Cause): Promise<MoveReply>;
  /** The item waits for the user; its task, if any, is given up and its slot freed. */
  held(attempt: Attempt, cause: Cause): Promise<MoveReply>;
  /** @returns `undefined` when this attempt has nothing to fetch any more */
  downloadTask(attempt: Attempt): Promise<DownloadTask | undefined>;
  /** How long ago that task was seen to have ended, in milliseconds: by Redis's clock, as this machine's may be wrong. */
  ageOf(task: Pick<DownloadTask, 'since'>): Promise<number>;
  freshUrls(attempt: Attempt, urls: readonly string[]): Promise<void>;
  /** Counts a URL that led where no clip may come from. @returns how many there have been */
  urlRefused(attempt: Attempt): Promise<number>;
  /** Counts an answer that there is no URL. @returns how many there have been since the last fresh URL */
  urlDenied(attempt: Attempt): Promise<number>;
  /** @returns true the first time it is asked for this attempt: somebody is to say that its result ends soon */
  nearsEnd(attempt: Attempt): Promise<boolean>;
  /** Takes a name for a further file of the item. @returns false when another item has it */
  claimOutput(attempt: Attempt, output: string): Promise<boolean>;
  stored(attempt: Attempt, clip: StoredClip): Promise<MoveReply>;
}

/** Items that may go out at once for a slot that came free: more only when several came free unnoticed. */
const FOLLOWERS = 8;

const beginReply = z.union([
  z
    .tuple([z.literal('go'), z.string(), z.enum(['auto', 'value', 'official']), z.coerce.number(), z.coerce.number()])
    .transform(([, input, provider, tasks, refusals]): BeginReply => {
      return { kind: 'go', input: z.looseObject({}).parse(JSON.parse(input)), provider, tasks, refusals };
    }),
  z.tuple([z.literal('wait'), z.coerce.number()]).transform(([kind, ms]): BeginReply => ({ kind, ms })),
  z.tuple([z.literal('stale'), z.string()]).transform(([kind, state]): BeginReply => ({ kind, state })),
  z.tuple([z.literal('unknown'), z.coerce.number()]).transform(([kind, tasks]): BeginReply => ({ kind, tasks })),
  z.tuple([z.enum(['returned', 'over-budget'])]).transform(([kind]): BeginReply => ({ kind })),
]);

const lookReply = z.union([
  z
    .tuple([
      z.literal('go'),
      z.coerce.number(),
      z.string(),
      z.coerce.number(),
      z.string(),
      z.coerce.number(),
      z.string(),
    ])
    .transform(([kind, waitMs, taskId, ageMs, halt, tasks, taskKind]): PollPermit => {
      return { kind, waitMs, taskId, ageMs, halted: halt || undefined, tasks, taskKind };
    }),
  z.tuple([z.literal('wait'), z.coerce.number()]).transform(([kind, ms]): PollPermit => ({ kind, ms })),
  z.tuple([z.literal('stale'), z.string()]).transform(([kind, state]): PollPermit => ({ kind, state })),
]);

const resultUrls = z.array(z.string());

const moveReply = z.tuple([z.enum(['moved', 'already', 'refused']), z.string()], z.string());

interface Step {
  from: readonly ItemState[];
  fields?: readonly (string | number)[];
  delayMs?: number;
  keepSlotMs?: number;
  unspent?: true;
  archive?: Cause;
  took?: number;
}

/** The API may quote the URL of an image that it could not fetch; whoever reads it there could. */
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
  async function move(attempt: Attempt, to: ItemState, step: Step): Promise<MoveReply> {
    const body = JSON.stringify({ ...step, dispatch: FOLLOWERS });
    const [result, state, ...dispatched] = moveReply.parse(
      await run('move', refOf(attempt.batch, attempt.id), attempt.attempt, to, body),
    );
    if (dispatched.length > 0) await onDispatched(readDispatched(dispatched));
    return { result, state };
  }

  return {
    async begin({ batch, id, attempt }, tryId, holdingToken) {
      return beginReply.parse(await run('begin', refOf(batch, id), attempt, tryId, holdingToken ? '1' : '0'));
    },
    async look({ batch, id, attempt }, holdingToken) {
      return lookReply.parse(await run('poll-permit', refOf(batch, id), attempt, holdingToken ? '1' : '0'));
    },
    accepted: (attempt, { taskId, tasks, kind }) =>
      move(attempt, 'generating', {
        from: ['submitting', 'held', 'queued', 'cancelled'],
        fields: ['task', taskId, 'tasks', tasks, 'kind', kind, 'refusals', 0],
      }),
    notAccepted: (attempt, refusals, delayMs) =>
      move(attempt, 'queued', { from: ['submitting'], fields: ['refusals', refusals], delayMs, unspent: true }),
    rejected: (attempt, cause) =>
      move(attempt, 'failed', { from: ['submitting'], fields: reasonFields(cause), unspent: true }),
    ambiguous: (attempt, cause, mayRunMs) =>
      move(attempt, 'held', { from: ['submitting'], fields: reasonFields(cause), keepSlotMs: mayRunMs }),
    resubmit: (attempt, cause, mayRunMs, { tasks, delayMs }) =>
      move(attempt, 'queued', {
        from: ['submitting'],
        fields: ['tasks', tasks],
        keepSlotMs: mayRunMs,
        archive: harmless(cause),
        delayMs,
      }),
    generated: (attempt, urls, tookBin) =>
      move(attempt, 'downloading', { from: ['generating'], fields: ['urls', JSON.stringify(urls)], took: tookBin }),
    taskFailedAgain: (attempt, cause, delayMs) =>
      move(attempt, 'queued', { from: ['generating'], delayMs, archive: harmless(cause) }),
    failed: (attempt, cause) =>
      move(attempt, 'failed', { from: ['generating', 'downloading'], fields: reasonFields(cause) }),
    held: (attempt, cause) => move(attempt, 'held', { from: ['generating'], fields: reasonFields(cause) }),
    async downloadTask({ batch, id, attempt }) {
      const [state, current, taskId, urls, output, at] = await redis.hmget(
        keys.item(refOf(batch, id)),
        'state',
        'attempt',
        'task',
        'urls',
        'output',
        'at',
      );
      if (state !== 'downloading' || current !== String(attempt) || !taskId || !output) return undefined;
      return { taskId, output, urls: resultUrls.parse(JSON.parse(urls ?? '[]')), since: Number(at) };
    },
    ageOf: async ({ since }) => (await redisTime(redis)) - since,
    async freshUrls({ batch, id, attempt }, urls) {
      await run('fresh-urls', refOf(batch, id), attempt, JSON.stringify(urls));
    },
    urlRefused: ({ batch, id }) => redis.hincrby(keys.item(refOf(batch, id)), 'refusedUrls', 1),
    urlDenied: ({ batch, id }) => redis.hincrby(keys.item(refOf(batch, id)), 'deniedUrls', 1),
    async nearsEnd({ batch, id, attempt }) {
      return (await redis.hsetnx(keys.item(refOf(batch, id)), `nearsEnd:${attempt}`, '1')) === 1;
    },
    async claimOutput({ batch, id }, output) {
      return (await run('claim-output', refOf(batch, id), output)) === 1;
    },
    stored: (attempt, clip) =>
      move(attempt, 'done', {
        from: ['downloading'],
        fields: storedFields(clip),
      }),
  };
}

/** An id for one try at an attempt, the same however often Redis is asked on its behalf. */
export function newTry(): string {
  return randomUUID();
}

/** `[ref, attempt, ref, attempt, …]` as the scripts return it. */
export function readDispatched(flat: readonly string[]): Attempt[] {
  const attempts: Attempt[] = [];
  for (let at = 0; at + 1 < flat.length; at += 2) {
    const [batch = '', id = ''] = (flat[at] ?? '').split('/');
    attempts.push({ batch, id, attempt: Number(flat[at + 1]) });
  }
  return attempts;
}
