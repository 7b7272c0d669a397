/** Every key in Redis, with its type, its content and the fields of hashes. */
import { constants } from './constants.ts';
import * as fields from './fields.ts';

/** Separates batch and item in a ref, and ref and attempt in a job id. No id contains it. */
const SEPARATOR = '/';

/** Returns the ref of an item, its address in Redis: `BATCH/ITEM`. */
export function refOf(batch: string, id: string): string {
  return `${batch}${SEPARATOR}${id}`;
}

/** Returns the item that owns an output name, from the value in `outputs`; `undefined` when the name is free. */
export function ownerOf(name: string, value: string | null | undefined): string | undefined {
  return value === '' ? name.slice(0, -constants.outputEnding.length) : (value ?? undefined);
}

/** Returns the batch and the id in a ref. */
export function splitRef(ref: string): { batch: string; id: string } {
  const at = ref.indexOf(SEPARATOR);
  return { batch: ref.slice(0, at), id: ref.slice(at + 1) };
}

interface KeySpec {
  type: 'hash' | 'list' | 'set' | 'zset' | 'stream' | 'string';
  about: string;
  /** The fields of a hash. */
  fields?: Readonly<Record<string, string>>;
}

type KeySpecs = Readonly<Record<string, KeySpec>>;

/** Keys that exist once per prefix. */
export const singleKeys = {
  account: { type: 'hash', about: 'halt, pause, cooldown and lowered ceiling of tasks', fields: fields.accountFields },
  conditions: {
    type: 'hash',
    about: 'conditions that stop all progress, for people; expires after 90 s',
    fields: fields.conditionsFields,
  },
  limits: { type: 'hash', about: 'the limits in force, published by workers', fields: fields.limitsFields },
  requests: { type: 'hash', about: 'the token bucket of API requests', fields: fields.requestsFields },
  quick: { type: 'list', about: 'times at which the tokens at hand that are in use were used' },
  slots: { type: 'zset', about: '`BATCH/ITEM#ATTEMPT` of every attempt that holds a slot; score: end of its lease' },
  turns: {
    type: 'zset',
    about: 'fair-share queue of batches with pending items; score: tasks in flight, then the last dispatch',
  },
  later: { type: 'zset', about: '`BATCH/ITEM` of queued items in a backoff; score: end of the backoff' },
  handed: {
    type: 'zset',
    about: '`BATCH/ITEM` of items that wait for their permit with a slot; score: time of the dispatch',
  },
  live: {
    type: 'zset',
    about: '`BATCH/ITEM` of items in progress, each of which has a job; score: last change of state',
  },
  batches: { type: 'zset', about: 'all batches; score: creation' },
  ended: { type: 'zset', about: 'batches that have ended; score: end' },
  pages: { type: 'zset', about: 'batches whose manifest and gallery are outdated; score: when the next write is due' },
  outputs: { type: 'hash', about: 'output names and the items that own them', fields: fields.outputsFields },
  orphans: {
    type: 'hash',
    about: 'submissions that processes have logged and whose items are not in this Redis; kept for 30 days',
    fields: fields.orphansFields,
  },
  chores: { type: 'hash', about: 'maintenance tasks, each done by one process at a time', fields: fields.choresFields },
  kinds: { type: 'set', about: 'kinds of tasks that have run, MODEL/SECONDS/PROVIDER' },
  installation: {
    type: 'hash',
    about: 'identity of the prefix: its id, its API account and its storage',
    fields: fields.installationFields,
  },
  callbackSecret: { type: 'string', about: 'secret of callback URLs, when no setting has one' },
  tasks: { type: 'hash', about: 'running tasks and their items', fields: fields.tasksFields },
  totals: {
    type: 'hash',
    about: 'numbers of items that have not ended, by state, and of all ends so far',
    fields: fields.totalsFields,
  },
  events: {
    type: 'stream',
    about:
      'ends of items and batches (`clipmill schema event`): the newest 100,000, and older ones that a consumer group ' +
      'has not acknowledged, at most for CLIPMILL_RETENTION',
  },
} as const satisfies KeySpecs;

/** Keys that exist once per batch, item, kind of task or command. */
export const manyKeys = {
  item: { type: 'hash', of: 'BATCH/ITEM', about: 'one item', fields: fields.itemFields },
  batch: { type: 'hash', of: 'BATCH', about: 'counts by state, budget, times', fields: fields.batchFields },
  items: { type: 'list', of: 'BATCH', about: 'item ids in their order' },
  pending: {
    type: 'zset',
    of: 'BATCH',
    about: 'ids of queued items that wait for a slot; score: priority, then index',
  },
  codes: {
    type: 'hash',
    of: 'BATCH',
    about: 'numbers of items that failed or are held, by code',
    fields: fields.codesFields,
  },
  running: {
    type: 'zset',
    of: 'KIND',
    about: '`BATCH/ITEM` of items in the state generating; score: when the task was accepted',
  },
  staging: {
    type: 'hash',
    of: 'ID',
    about: 'temporary, for one command: items and files that a batch folder in the storage has',
    fields: fields.stagingFields,
  },
  callbackProbe: {
    type: 'string',
    of: 'ID',
    about: 'exists for a minute after a callback of `clipmill doctor` has arrived',
  },
  took: { type: 'hash', of: 'KIND', about: 'durations of tasks, for adaptive polling', fields: fields.tookFields },
} as const satisfies Readonly<Record<string, KeySpec & { of: string }>>;

type SingleKey = keyof typeof singleKeys;
type ManyKey = keyof typeof manyKeys;

/** All keys under one prefix. */
export type Keys = Readonly<Record<SingleKey, string> & Record<ManyKey, (of: string) => string>> & {
  /** `{clipmill}`: the prefix of BullMQ's queues, a hash tag, so that all keys share one cluster slot. */
  readonly tag: string;
  /** `{clipmill}:` */
  readonly prefix: string;
};

/** Returns the name of a key in Redis: `callbackSecret` is `callback-secret`. */
export function inRedis(keyName: string): string {
  return keyName.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

export function keysFor(installation: string): Keys {
  const tag = `{${installation}}`;
  const prefix = `${tag}:`;
  const single = Object.fromEntries(Object.keys(singleKeys).map((name) => [name, prefix + inRedis(name)]));
  const many = Object.fromEntries(
    Object.keys(manyKeys).map((name) => [name, (of: string) => `${prefix}${inRedis(name)}:${of}`]),
  );
  return { tag, prefix, ...single, ...many } as Keys;
}
