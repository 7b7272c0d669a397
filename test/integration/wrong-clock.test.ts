import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { probeAccount } from '../../src/worker/maintenance/account-probe.ts';
import { openLedger } from '../support/ledger.ts';
import { silentLogger } from '../../src/core/log.ts';

describe('the trial of a halted account', () => {
  it('is delayed by the clock of Redis, not of this machine', async () => {
    const { account, requests, redis, clock } = await openLedger();
    await account.halt('no-credit', 'empty');
    await probeAccount({
      api: { account: () => Promise.resolve({ balanceUsd: 0, date: undefined }) },
      account,
      requests,
      clock,
      log: silentLogger(),
    });
    const [seconds] = await redis.time();
    const { trialAt } = await account.read();
    expect(Math.abs((trialAt ?? 0) - Number(seconds) * 1000 - 30_000)).toBeLessThan(5_000);
  });
});

describe('the age of a result', () => {
  it('is measured by the clock of Redis, even if that of this machine is weeks ahead', async () => {
    const { attempts, redis } = await openLedger();
    const [seconds] = await redis.time();
    onTestFinished(() => void vi.useRealTimers());
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 20 * 86_400_000 });
    const age = await attempts.ageOf({ since: Number(seconds) * 1_000 - 60_000 });
    expect(age).toBeGreaterThanOrEqual(60_000);
    expect(age).toBeLessThan(70_000);
  });
});
