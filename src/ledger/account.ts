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
 * What a call of `halt` did: `halted`, which its caller alone logs; `known`: it was halted for this reason
 * already; `doubted`: another item has to get the same answer first; `own`: it concerns this item alone.
 */
const haltReply = z.enum(['halted', 'known', 'doubted', 'own']);
export type HaltReply = z.output<typeof haltReply>;

/** The finding of a reading of the balance: whether a POST was billed, or that a halt for lack of credit ended. */
const balanceReply = z.enum(['billed', 'unbilled', 'topped-up', 'unknown']);
export type BalanceReply = z.output<typeof balanceReply>;

/**
 * Why requests are held back for a while: for too high a rate, for too many tasks, because the API fails, or because
 * its answer to an attempt with a callback URL was lost.
 */
export type CoolReason = 'rate' | 'tasks' | 'trouble' | 'lost';

export interface AccountState {
  halted: { reason: string; message: string; since: number } | null;
  /** Unix ms since when submission is paused by hand. */
  pausedSince: number | null;
  /** No submission before this time, Unix ms of Redis's clock. */
  coolUntil: number | null;
  /** No request before this time: the API asked for it. */
  heldUntil: number | null;
  /** When one submission tests a halted account, Unix ms of Redis's clock. */
  trialAt: number | null;
}

/** The state of the API account that all processes share. */
export interface Account {
  /**
   * Halts submission until a single submission, sent now and then, gets its clip.
   * @param doubt the item whose answer it was, where that answer may concern this item alone
   */
  halt(reason: HaltReason, message: string, doubt?: { batch: string; id: string }): Promise<HaltReply>;
  /**
   * Holds submissions (for `rate`: all requests) back for `ms`.
   * @param ms at most a day
   * @param agoMs since the refused request was sent: one overshoot may refuse many, and counts once
   */
  cool(reason: CoolReason, ms: number, agoMs: number): Promise<Cooldown>;
  pause(): Promise<boolean>;
  /** Ends a pause, a halt and every cooldown. @returns true when there was one */
  resume(): Promise<boolean>;
  /**
   * Records a reading of the balance in US dollars.
   * @param sentAgoMs since the POST was sent of which the caller asks whether it was billed
   */
  balance(usd: number, sentAgoMs?: number): Promise<BalanceReply>;
  /** Postpones the next test of a halted account to `ms` from now: a request that costs nothing has shown that it would fail. */
  postponeTrial(ms: number): Promise<void>;
  read(): Promise<AccountState>;
}

/** How long submissions hold back, the ceiling of tasks, and how many failing answers there were in a row. */
export interface Cooldown {
  coolMs: number;
  ceiling: number;
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
      // The time to hold back is an answer of the API, which may be any number or none.
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
