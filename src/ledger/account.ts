import { z } from 'zod';
import type { RedisClient } from '../redis/connect.ts';
import type { Keys } from './keys.ts';
import type { RunScript } from './scripts.ts';

/** Why submission is halted, as a fixed vocabulary. */
export type HaltReason = 'bad-key' | 'no-credit' | 'wrong-endpoint' | 'network-refused';

/** Why everybody holds back for a while. */
export type CoolReason = 'rate' | 'tasks' | 'trouble';

export interface AccountState {
  halted: { reason: string; message: string; since: number } | null;
  /** Unix ms since when submission is paused by hand. */
  pausedSince: number | null;
  /** When a halted account is tried next, Unix ms of Redis's clock. */
  trialAt: number | null;
}

/** The state of the API account that all processes share. */
export interface Account {
  /** @returns true for the one caller that changed it, who says so aloud. */
  halt(reason: HaltReason, message: string): Promise<boolean>;
  /**
   * Holds submissions (for `rate`: all requests) back for `ms`.
   * @param agoMs since the refused request was sent: one overshoot may refuse many, and counts once
   */
  cool(reason: CoolReason, ms: number, agoMs: number): Promise<{ coolMs: number; ceiling: number }>;
  pause(): Promise<boolean>;
  /** Ends a pause, a halt and every cooling. @returns true when there was something to end. */
  resume(): Promise<boolean>;
  /** Ends a halt for this reason: an answer has shown that it is over. */
  clearHalt(reason: HaltReason): Promise<boolean>;
  /** Puts the next trial of a halted account off by `ms` from now, because a cheaper look said that it is no use yet. */
  postponeTrial(ms: number): Promise<void>;
  read(): Promise<AccountState>;
}

const coolReply = z.tuple([z.number(), z.number()]);

export function createAccount(redis: RedisClient, keys: Keys, run: RunScript): Account {
  return {
    async halt(reason, message) {
      return (await run('halt', reason, message)) === 1;
    },
    async cool(reason, ms, agoMs) {
      const [coolMs, ceiling] = coolReply.parse(await run('cool-down', reason, Math.ceil(ms), Math.ceil(agoMs)));
      return { coolMs, ceiling };
    },
    async pause() {
      return (await run('pause', '1')) === 1;
    },
    async resume() {
      return (await run('pause', '0')) === 1;
    },
    async clearHalt(reason) {
      const [halt] = await redis.hmget(keys.account, 'halt');
      if (halt !== reason) return false;
      return (await redis.hdel(keys.account, 'halt', 'haltAt', 'haltMessage', 'trial', 'trialAt')) > 0;
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
