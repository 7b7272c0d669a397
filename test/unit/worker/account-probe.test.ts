import { describe, expect, it } from 'vitest';
import { ApixoError, errorKinds } from '../../../src/apixo/errors.ts';
import { silentLogger } from '../../../src/core/log.ts';
import { probeAccount, type ProbeDeps } from '../../../src/worker/maintenance/account-probe.ts';

/** Everything a probe touches, with an account that is halted for `reason`. */
function probe(reason: string, account: ProbeDeps['api']['account']) {
  const did: string[] = [];
  const deps: ProbeDeps = {
    api: { account },
    account: {
      read: () => Promise.resolve({ halted: { reason, message: '', since: 0 }, pausedSince: null, trialAt: null }),
      clearHalt: (cleared) => Promise.resolve(did.push(`cleared ${cleared}`) > 0),
      postponeTrial: () => Promise.resolve(void did.push('postponed')),
    },
    requests: { take: () => Promise.resolve() },
    log: silentLogger(),
  };
  return { did, run: () => probeAccount(deps) };
}

const balance = (balanceUsd: number) => () => Promise.resolve({ balanceUsd, date: undefined });

describe('probeAccount', () => {
  it.each([
    ['bad-key', 0, ['postponed']],
    ['no-credit', 0, ['postponed']],
    ['bad-key', 5, ['cleared bad-key']],
    // Whether submissions are accepted again, only one of them can show.
    ['no-credit', 5, []],
    ['wrong-endpoint', 5, []],
  ])('halted for %s, with a balance of %i USD: %j', async (reason, usd, expected) => {
    const { did, run } = probe(reason, balance(usd));
    await run();
    expect(did).toEqual(expected);
  });

  it.each(errorKinds)('postpones the trial only if the error shows that it is in vain: %s', async (kind) => {
    const { did, run } = probe('no-credit', () => Promise.reject(new ApixoError(kind, 'X', 'no')));
    await run();
    expect(did).toEqual(kind === 'bad-key' || kind === 'no-credit' ? ['postponed'] : []);
  });
});
