/** Every key in Redis: its type, what it holds, and of a hash the fields. */
import { constants } from './constants.ts';
import * as fields from './fields.ts';

/** Separates batch and item in a ref, and ref and attempt in a job id. No id can hold it. */
const SEPARATOR = '/';

/** An item's address in Redis: `BATCH/ITEM`. */
export function refOf(batch: string, id: string): string {
  return `${batch}${SEPARATOR}${id}`;
}

/** The item that owns a name in `outputs`, from its value there; `undefined` for a name that is free. */
export function ownerOf(name: string, value: string | null | undefined): string | undefined {
  return value === '' ? name.slice(0, -constants.outputEnding.length) : (value ?? undefined);
}

export function splitRef(ref: string): { batch: string; id: string } {
  const at = ref.indexOf(SEPARATOR);
  return { batch: ref.slice(0, at), id: ref.slice(at + 1) };
}

interface KeySpec {
  type: 'hash' | 'list' | 'set' | 'zset' | 'stream' | 'string';
  about: string;
  /** Of a hash. */
  fields?: Readonly<Record<string, string>>;
}

type KeySpecs = Readonly<Record<string, KeySpec>>;

/** Keys of which there is one. */
export const singleKeys = {
  account: { type: 'hash', about: 'halt, pause, cooldown and lowered ceiling of tasks', fields: fields.accountFields },
  conditions: {
    type: 'hash',
    about: 'why nothing moves, for people; gone after 90 s',
    fields: fields.conditionsFields,
  },
  limits: { type: 'hash', about: 'the limits in force, published by workers', fields: fields.limitsFields },
  requests: { type: 'hash', about: 'the token bucket of API requests', fields: fields.requestsFields },
  quick: { type: 'list', about: 'when each token at hand that is in use was used' },
  slots: { type: 'zset', about: '`BATCH/ITEM#ATTEMPT` of every attempt that holds a slot, by the end of its lease' },
  turns: { type: 'zset', about: 'fair-share queue: batches with pending items, by tasks in flight, then by last turn' },
  later: { type: 'zset', about: '`BATCH/ITEM` of queued items in a backoff, by when they are due' },
  handed: { type: 'zset', about: '`BATCH/ITEM` of items that hold a slot and wait for their permit, by since when' },
  live: { type: 'zset', about: '`BATCH/ITEM` of items under way, each of which has a job, by their last change' },
  batches: { type: 'zset', about: 'batches by creation' },
  ended: { type: 'zset', about: 'batches that have ended, by when' },
  pages: { type: 'zset', about: 'batches whose manifest and gallery are outdated, by when they are due' },
  outputs: { type: 'hash', about: 'names in the storage and the items that own them', fields: fields.outputsFields },
  orphans: {
    type: 'hash',
    about: 'submissions of items that this Redis does not know, as processes have logged them; kept for 30 days',
    fields: fields.orphansFields,
  },
  chores: { type: 'hash', about: 'maintenance tasks that one process at a time does', fields: fields.choresFields },
  kinds: { type: 'set', about: 'kinds of tasks that have run, MODEL/SECONDS/PROVIDER' },
  installation: { type: 'hash', about: 'what the prefix remembers of itself', fields: fields.installationFields },
  callbackSecret: { type: 'string', about: 'secret of callback URLs, where no setting gives one' },
  tasks: { type: 'hash', about: 'tasks that run and the items that they are of', fields: fields.tasksFields },
  totals: { type: 'hash', about: 'items by open state, and ends since the beginning', fields: fields.totalsFields },
  events: {
    type: 'stream',
    about:
      'ends of items and batches (`clipmill schema event`): the newest 100,000, and what a consumer group has not ' +
      'acknowledged, for as long as batches are kept',
  },
} as const satisfies KeySpecs;

/** Keys of which there is one for each batch, item or kind of task. */
export const manyKeys = {
  item: { type: 'hash', of: 'BATCH/ITEM', about: 'one item', fields: fields.itemFields },
  batch: { type: 'hash', of: 'BATCH', about: 'counts by state, budget, times', fields: fields.batchFields },
  items: { type: 'list', of: 'BATCH', about: 'item ids in their order' },
  pending: { type: 'zset', of: 'BATCH', about: 'ids of queued items that wait for a slot, by priority, then index' },
  codes: { type: 'hash', of: 'BATCH', about: 'items that failed or are held, by code', fields: fields.codesFields },
  running: { type: 'zset', of: 'KIND', about: '`BATCH/ITEM` of items that generate, by when they were accepted' },
  staging: {
    type: 'hash',
    of: 'ID',
    about: 'for the time of one submission: what its folder in the storage holds',
    fields: fields.stagingFields,
  },
  callbackProbe: {
    type: 'string',
    of: 'ID',
    about: 'for a minute: a callback that `clipmill doctor` sent has arrived',
  },
  took: { type: 'hash', of: 'KIND', about: 'how long tasks took, for adaptive polling', fields: fields.tookFields },
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

/** `callbackSecret` is the key `callback-secret`. */
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
