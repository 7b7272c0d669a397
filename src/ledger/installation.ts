import { createHmac, randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { RedisClient } from '../redis/connect.ts';
import type { Keys } from './schema/keys.ts';

/** Whether the account of this process is the one that the prefix belongs to. */
export type AccountClaim = { ok: true } | { ok: false; fingerprint: string; remembered: string };

/** The identity of a prefix: its id, and the API account and the storage that it belongs to. */
export interface Installation {
  /** Random, made once for each prefix; the marker of a batch's folder names it. */
  id(): Promise<string>;
  /**
   * Ties the prefix to an API account at the first call; later calls compare the account.
   * @param secret identifies the account, such as its key: only a salted hash of 64 bits is stored
   * @param accept true to accept a further account, or the fingerprint of the one to accept
   */
  claimAccount(secret: string, accept: boolean | string): Promise<AccountClaim>;
  /**
   * Records the storage of clips.
   * @param url without secrets
   * @returns the previous storage, when it was another one
   */
  claimStorage(url: string): Promise<string | undefined>;
  /** Reads the account and the storage, and changes nothing. */
  read(secret: string): Promise<{ account: 'new' | 'same' | 'other'; storage: string | undefined }>;
}

const fields = z.record(z.string(), z.string());
const FINGERPRINT_DIGITS = 16;

export function createInstallation(redis: RedisClient, keys: Keys): Installation {
  const key = keys.installation;
  // A Redis that lost its data gets the id of this process back, so that the batch folders still belong to it.
  let known: string = randomUUID();

  /** Writes a field that is missing. Reads it first: a full Redis refuses the write, and a worker must still start. */
  async function keep(field: string, value: string): Promise<string> {
    const kept = await redis.hget(key, field);
    if (kept !== null) return kept;
    await redis.hsetnx(key, field, value);
    return (await redis.hget(key, field)) ?? value;
  }

  async function id(): Promise<string> {
    known = await keep('id', known);
    return known;
  }

  return {
    id,
    async claimAccount(secret, accept) {
      const fingerprint = fingerprintOf(await id(), secret);
      await keep('account', fingerprint);
      const [remembered, accepted] = await redis.hmget(key, 'account', `accepted:${fingerprint}`);
      if (remembered === fingerprint || accepted) return { ok: true };
      if (accept === true || accept === fingerprint) {
        // The earlier account stays accepted: after a key rotation, old and new workers run at the same time for a while.
        await redis.hset(key, `accepted:${fingerprint}`, Date.now());
        return { ok: true };
      }
      return { ok: false, fingerprint, remembered: remembered ?? '' };
    },
    async claimStorage(url) {
      const before = await redis.hget(key, 'storage');
      if (before === url) return undefined;
      await redis.hset(key, 'storage', url);
      return before ?? undefined;
    },
    async read(secret) {
      const stored = fields.parse(await redis.hgetall(key));
      const fingerprint = fingerprintOf(stored['id'] ?? '', secret);
      const same = stored['account'] === fingerprint || stored[`accepted:${fingerprint}`] !== undefined;
      return { account: stored['account'] === undefined ? 'new' : same ? 'same' : 'other', storage: stored['storage'] };
    },
  };
}

function fingerprintOf(id: string, secret: string): string {
  return createHmac('sha256', id).update(secret).digest('hex').slice(0, FINGERPRINT_DIGITS);
}
