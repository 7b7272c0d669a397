import { randomUUID } from 'node:crypto';
import { UserError } from '../core/errors.ts';
import type { RedisClient } from '../redis/connect.ts';
import type { Keys } from './schema/keys.ts';

/** How long a table stays after its last use when its process has died, in seconds. */
const LIFETIME_S = 3_600;

/**
 * A temporary table in Redis to join two long streams in different orders, so that the memory of this process does not
 * grow with them.
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
   * Returns the values in the order of the names; `undefined` for missing ones.
   * @throws UserError when Redis has dropped the table: a missing row would be paid for again
   */
  async get(names: readonly string[]): Promise<(string | undefined)[]> {
    if (names.length === 0) return [];
    const [values, kept] = await Promise.all([
      this.#redis.hmget(this.#key, ...names),
      this.#redis.expire(this.#key, LIFETIME_S),
    ]);
    if (this.#filled && kept !== 1) {
      throw new UserError('Redis has dropped the temporary list of clips of this command: nothing more is submitted', {
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
