import { z } from 'zod';
import { describeError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { RedisClient } from '../redis/connect.ts';
import type { Keys } from './schema/keys.ts';

/** Parts of the system that a condition may stop. */
export const conditionKinds = ['api', 'downloads', 'storage', 'disk'] as const;
export type ConditionKind = (typeof conditionKinds)[number];

const stored = z.object({ message: z.string(), cure: z.string().optional(), at: z.number() });

/** A condition that stops all progress, with its cure. */
export interface Condition {
  kind: ConditionKind;
  message: string;
  cure?: string | undefined;
  /** When a worker last observed it, Unix ms. */
  at: number;
}

/** A condition is over when no worker has observed it for this long, in milliseconds. */
const LASTS_MS = 90_000;
/** Minimum time between two records of one condition by one process, in milliseconds. */
const RAISE_EVERY_MS = 2_000;

/**
 * Conditions that stop all progress, as observed by workers, for `run`, `watch` and `status`. Callers do not wait for
 * a record; one that fails is repeated when the condition is observed again.
 */
export class Conditions {
  readonly #redis: RedisClient;
  readonly #key: string;
  readonly #log: Logger;
  /** When this process last recorded each condition, by a monotonic clock. */
  readonly #raisedAt = new Map<ConditionKind, number>();

  constructor(redis: RedisClient, keys: Keys, log: Logger) {
    this.#redis = redis;
    this.#key = keys.conditions;
    this.#log = log;
  }

  /** Records that the condition exists now. */
  raise(kind: ConditionKind, message: string, cure?: string): void {
    const now = performance.now();
    if (now - (this.#raisedAt.get(kind) ?? -Infinity) < RAISE_EVERY_MS) return;
    this.#raisedAt.set(kind, now);
    const condition = JSON.stringify({ message, cure, at: Date.now() });
    this.#record(this.#redis.multi().hset(this.#key, kind, condition).pexpire(this.#key, LASTS_MS).exec());
  }

  /** Records that the condition is over, if this process has recorded it. */
  clear(kind: ConditionKind): void {
    if (!this.#raisedAt.delete(kind)) return;
    this.#record(this.#redis.hdel(this.#key, kind));
  }

  async read(): Promise<Condition[]> {
    const found = await this.#redis.hgetall(this.#key);
    return conditionKinds.flatMap((kind) => {
      const condition = found[kind] === undefined ? undefined : stored.safeParse(parse(found[kind])).data;
      return condition && condition.at > Date.now() - LASTS_MS ? [{ kind, ...condition }] : [];
    });
  }

  #record(work: Promise<unknown>): void {
    work.catch((error: unknown) => this.#log.debug({ reason: describeError(error) }, 'condition not recorded'));
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
