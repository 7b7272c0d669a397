/** Separates batch and item in a ref, and ref and attempt in a job id. No id can hold it. */
const SEPARATOR = '/';

/** An item's address in Redis: `BATCH/ITEM`. */
export function refOf(batch: string, id: string): string {
  return `${batch}${SEPARATOR}${id}`;
}

export function splitRef(ref: string): { batch: string; id: string } {
  const at = ref.indexOf(SEPARATOR);
  return { batch: ref.slice(0, at), id: ref.slice(at + 1) };
}

/** All key names, as lua/lib/keys.lua has them and explains them. */
export interface Keys {
  /** `{clipmill}`: the prefix of BullMQ's queues, a hash tag, so that all keys share one cluster slot. */
  tag: string;
  /** `{clipmill}:` */
  prefix: string;
  account: string;
  limits: string;
  slots: string;
  live: string;
  handed: string;
  batches: string;
  ended: string;
  outputs: string;
  events: string;
  /** String: the secret of callback URLs, where no setting gives one. */
  callbackSecret: string;
  /** String, for a minute: a callback that doctor sent itself has come. */
  callbackProbe(id: string): string;
  batch(batch: string): string;
  items(batch: string): string;
  codes(batch: string): string;
  item(ref: string): string;
}

export function keysFor(name: string): Keys {
  const tag = `{${name}}`;
  const prefix = `${tag}:`;
  return {
    tag,
    prefix,
    account: `${prefix}account`,
    limits: `${prefix}limits`,
    slots: `${prefix}slots`,
    live: `${prefix}live`,
    handed: `${prefix}handed`,
    batches: `${prefix}batches`,
    ended: `${prefix}ended`,
    outputs: `${prefix}outputs`,
    events: `${prefix}events`,
    callbackSecret: `${prefix}callback-secret`,
    callbackProbe: (id) => `${prefix}callback-probe:${id}`,
    batch: (batch) => `${prefix}batch:${batch}`,
    items: (batch) => `${prefix}items:${batch}`,
    codes: (batch) => `${prefix}codes:${batch}`,
    item: (ref) => `${prefix}item:${ref}`,
  };
}
