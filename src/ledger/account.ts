import { z } from 'zod';
import type { RedisClient } from '../redis/connect.ts';
import type { Keys } from './schema/keys.ts';
import { constants } from './schema/constants.ts';
import { namedReply, type RunScript } from './scripts.ts';

/** Why submission is halted, as a fixed vocabulary. */
export type HaltReason = 'bad-key' | 'no-credit' | 'wrong-endpoint' | 'network-refused';

/** Why requests are held back for a while: for too high a rate, for too many tasks, or because the API fails. */
export type CoolReason = 'rate' | 'tasks' | 'trouble';

export interface AccountState {
  halted: { reason: string; message: string; since: number } | null;
  /** Unix ms since when submission is paused by hand. */
  pausedSince: number | null;
  /** When one submission tests a halted account, Unix ms of Redis's clock. */
  trialAt: number | null;
}

/** The state of the API account that all processes share. */
export interface Account {
  /** Halts submission. @returns true for the one caller that changed it: it logs the halt */
  halt(reason: HaltReason, message: string): Promise<boolean>;
  /**
   * Holds submissions (for `rate`: all requests) back for `ms`.
   * @param ms at most a day
   * @param agoMs since the refused request was sent: one overshoot may refuse many, and counts once
   */
  cool(reason: CoolReason, ms: number, agoMs: number): Promise<{ coolMs: number; ceiling: number }>;
  pause(): Promise<boolean>;
  /** Ends a pause, a halt and every cooldown. @returns true when there was one */
  resume(): Promise<boolean>;
  /** Ends a halt for this reason: an answer of the API has shown that the reason is gone. */
  clearHalt(reason: HaltReason): Promise<boolean>;
  /** Postpones the next test of a halted account to `ms` from now: a request that costs nothing has shown that it would fail. */
  postponeTrial(ms: number): Promise<void>;
  read(): Promise<AccountState>;
}

const coolReply = namedReply(z.object({ coolMs: z.coerce.number(), ceiling: z.coerce.number() }));

export function createAccount(redis: RedisClient, keys: Keys, run: RunScript): Account {
  return {
    async halt(reason, message) {
      return (await run('halt', reason, message)) === 1;
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
    async clearHalt(reason) {
      return (await run('clear-halt', reason)) === 1;
    },
    async postponeTrial(ms) {
      await run('postpone-trial', ms);
    },
    async read() {
      const state = await redis.hgetall(keys.account);
      return {
        halted: state['halt']
          ? { reason: state['halt'], message: state['haltMessage'] ?? '', since: Number(state['haltAt']) }
          : null,
        pausedSince: state['pausedAt'] ? Number(state['pausedAt']) : null,
        trialAt: state['trialAt'] ? Number(state['trialAt']) : null,
      };
    },
  };
}
