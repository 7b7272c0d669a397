import { z } from 'zod';
import type { RedisClient } from '../redis/connect.ts';
import { refOf, type Keys } from './schema/keys.ts';
import { constants } from './schema/constants.ts';
import { namedReply, type RunScript } from './scripts.ts';

/** Why submission is halted. */
export const haltReasons = [
  'bad-key',
  'no-credit',
  'wrong-endpoint',
  'network-refused',
  'unavailable',
  'lost-answers',
  'odd-answers',
  'no-downloads',
] as const;
export type HaltReason = (typeof haltReasons)[number];

/**
 * Result of `halt`: `halted` (its caller alone logs it), `known` (already halted for this reason), `doubted` (another
 * item has to get the same answer first) or `own` (the answer concerns this item alone).
 */
const haltReply = z.enum(['halted', 'known', 'doubted', 'own']);
export type HaltReply = z.output<typeof haltReply>;

/** The conclusion from a new balance: whether a POST was billed, or that a top-up ended a halt for lack of credit. */
const balanceReply = z.enum(['billed', 'unbilled', 'topped-up', 'unknown']);
export type BalanceReply = z.output<typeof balanceReply>;

/**
 * Reasons for a cooldown: `rate` (too many requests), `tasks` (too many tasks), `trouble` (the API failed) and `lost`
 * (its answer to an attempt with a callback URL was lost).
 */
export type CoolReason = 'rate' | 'tasks' | 'trouble' | 'lost';

export interface AccountState {
  halted: { reason: string; message: string; since: number } | null;
  /** When the user paused submission, Unix ms of Redis's clock. */
  pausedSince: number | null;
  /** No submission before this time, Unix ms of Redis's clock. */
  coolUntil: number | null;
  /** No request before this time, as the API asked; Unix ms of Redis's clock. */
  heldUntil: number | null;
  /** When the next trial of a halted account is due, Unix ms of Redis's clock. */
  trialAt: number | null;
}

/** The state of the API account, which all processes share. */
export interface Account {
  /**
   * Halts submission until a trial succeeds.
   * @param doubt the item that got the answer, where the answer may concern that item alone
   */
  halt(reason: HaltReason, message: string, doubt?: { batch: string; id: string }): Promise<HaltReply>;
  /**
   * Starts a cooldown: no submission (for `rate`: no request) for `ms` milliseconds.
   * @param ms at most a day
   * @param agoMs time since the refused request was sent: one overshoot may refuse many requests, and counts once
   */
  cool(reason: CoolReason, ms: number, agoMs: number): Promise<Cooldown>;
  /** Pauses submission. @returns false when it was paused already */
  pause(): Promise<boolean>;
  /** Ends a pause, a halt and every cooldown. @returns true when there was one */
  resume(): Promise<boolean>;
  /**
   * Records a reading of the balance in US dollars.
   * @param sentAgoMs time since the POST was sent that may have been billed
   */
  balance(usd: number, sentAgoMs?: number): Promise<BalanceReply>;
  /** Postpones the next trial to `ms` from now: a request that costs nothing has shown that it would fail. */
  postponeTrial(ms: number): Promise<void>;
  read(): Promise<AccountState>;
}

export interface Cooldown {
  /** Milliseconds without submissions from now. */
  coolMs: number;
  /** Tasks that may be in flight. */
  ceiling: number;
  /** Consecutive failing answers. */
  refusals: number;
}

const coolReply = namedReply<Cooldown>(
  z.object({ coolMs: z.coerce.number(), ceiling: z.coerce.number(), refusals: z.coerce.number() }),
);

export function createAccount(redis: RedisClient, keys: Keys, run: RunScript): Account {
  return {
    async halt(reason, message, doubt) {
      const ref = doubt ? refOf(doubt.batch, doubt.id) : '';
      return haltReply.parse(await run('halt', reason, message, ref, doubt ? '0' : '1'));
    },
    async cool(reason, ms, agoMs) {
      // The API chooses this time: it may be any number, or none.
      const holdMs = Number.isNaN(ms) ? 0 : Math.min(constants.maxHoldMs, Math.max(0, Math.ceil(ms)));
      return coolReply.parse(await run('cool-down', reason, holdMs, Math.ceil(agoMs)));
    },
    async pause() {
      return (await run('pause', '1')) === 1;
    },
    async resume() {
      return (await run('pause', '0')) === 1;
    },
    async balance(usd, sentAgoMs) {
      const ago = sentAgoMs === undefined ? '' : Math.ceil(sentAgoMs);
      return balanceReply.parse(await run('balance', usd, ago));
    },
    async postponeTrial(ms) {
      await run('postpone-trial', ms);
    },
    async read() {
      const [state, heldUntil] = await Promise.all([
        redis.hgetall(keys.account),
        redis.hget(keys.requests, 'heldUntil'),
      ]);
      return {
        halted: state['halt']
          ? { reason: state['halt'], message: state['haltMessage'] ?? '', since: Number(state['haltAt']) }
          : null,
        pausedSince: state['pausedAt'] ? Number(state['pausedAt']) : null,
        coolUntil: state['coolUntil'] ? Number(state['coolUntil']) : null,
        heldUntil: heldUntil ? Number(heldUntil) : null,
        trialAt: state['trialAt'] ? Number(state['trialAt']) : null,
      };
    },
  };
}
