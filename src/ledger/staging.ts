import { randomUUID } from 'node:crypto';
import type { RedisClient } from '../redis/connect.ts';
import type { Keys } from './schema/keys.ts';

/** How long a table outlives its last use, in seconds, when its process dies. */
const LIFETIME_S = 600;

/**
 * A table in Redis for the time of one comparison: two long streams in different orders are joined through it with a
 * memory of this process that does not grow with them.
 */
export class StagingTable {
  readonly #redis: RedisClient;
  readonly #key: string;

  constructor(redis: RedisClient, keys: Pick<Keys, 'staging'>) {
    this.#redis = redis;
    this.#key = keys.staging(randomUUID());
  }

  async put(entries: readonly (readonly [name: string, value: string])[]): Promise<void> {
    if (entries.length === 0) return;
    await this.#redis.pipeline().hset(this.#key, new Map(entries)).expire(this.#key, LIFETIME_S).exec();
  }

  /** @returns the values in the order of the names; `undefined` for those that are not there */
  async get(names: readonly string[]): Promise<(string | undefined)[]> {
    if (names.length === 0) return [];
    const values = await this.#redis.hmget(this.#key, ...names);
    return values.map((value) => value ?? undefined);
  }

  async size(): Promise<number> {
    return this.#redis.hlen(this.#key);
  }

  async drop(): Promise<void> {
    await this.#redis.unlink(this.#key);
  }
}
