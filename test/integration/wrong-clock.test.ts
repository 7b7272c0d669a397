import { describe, expect, it } from 'vitest';
import { probeAccount } from '../../src/pipeline/probe.ts';
import { openLedger } from '../support/ledger.ts';
import { silentLogger } from '../../src/log.ts';

describe('the trial of a halted account', () => {
  it("is put off by Redis's clock, whatever this machine's clock says", async () => {
    const { account, requests, redis } = await openLedger();
    await account.halt('no-credit', 'empty');
    await probeAccount({ api: { balance: () => Promise.resolve(0) }, account, requests, log: silentLogger() });
    const [seconds] = await redis.time();
    const { trialAt } = await account.read();
    expect(Math.abs((trialAt ?? 0) - Number(seconds) * 1000 - 30_000)).toBeLessThan(5_000);
  });
});
