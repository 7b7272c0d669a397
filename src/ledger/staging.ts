import { randomUUID } from 'node:crypto';
import { UserError } from '../core/errors.ts';
import type { RedisClient } from '../redis/connect.ts';
import type { Keys } from './schema/keys.ts';

/** How long a table outlives its last use, in seconds, when its process dies. */
const LIFETIME_S = 3_600;

/**
 * A table in Redis for the time of one comparison: two long streams in different orders are joined through it with a
 * memory of this process that does not grow with them.
 */
export class StagingTable {
  readonly #redis: RedisClient;
  readonly #key: string;
  #filled = false;

  constructor(redis: RedisClient, keys: Pick<Keys, 'staging'>) {
    this.#redis = redis;
    this.#key = keys.staging(randomUUID());
  }

  async put(entries: readonly (readonly [name: string, value: string])[]): Promise<void> {
    if (entries.length === 0) return;
    const replies = await this.#redis.pipeline().hset(this.#key, new Map(entries)).expire(this.#key, LIFETIME_S).exec();
    for (const [error] of replies ?? []) if (error) throw error;
    this.#filled = true;
  }

  /**
   * @returns the values in the order of the names; `undefined` for those that are not there
   * @throws UserError when Redis has dropped the table: a row that is missing would be paid for again
   */
  async get(names: readonly string[]): Promise<(string | undefined)[]> {
    if (names.length === 0) return [];
    const [values, kept] = await Promise.all([
      this.#redis.hmget(this.#key, ...names),
      this.#redis.expire(this.#key, LIFETIME_S),
    ]);
    if (this.#filled && kept !== 1) {
      throw new UserError('Redis has dropped what this command had noted of the storage: nothing more is submitted', {
        cure: 'Run the command again.',
      });
    }
    return values.map((value) => value ?? undefined);
  }

  async size(): Promise<number> {
    return this.#redis.hlen(this.#key);
  }

  async drop(): Promise<void> {
    await this.#redis.unlink(this.#key);
  }
}
