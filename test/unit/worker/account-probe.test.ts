import { describe, expect, it } from 'vitest';
import { ApixoError, errorKinds } from '../../../src/apixo/errors.ts';
import { silentLogger } from '../../../src/core/log.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { probeAccount, type ProbeDeps } from '../../../src/worker/maintenance/account-probe.ts';

/** Everything a probe touches, with an account that is halted for `reason`. */
function probe(reason: string, account: ProbeDeps['api']['account'], since = 0) {
  const did: string[] = [];
  const deps: ProbeDeps = {
    api: { account },
    account: {
      read: () =>
        Promise.resolve({
          halted: { reason, message: '', since },
          pausedSince: null,
          coolUntil: null,
          heldUntil: null,
          trialAt: null,
        }),
      balance: () => Promise.resolve('unknown'),
      postponeTrial: () => Promise.resolve(void did.push('postponed')),
    },
    requests: { take: () => Promise.resolve() },
    clock: new FakeClock(),
    log: silentLogger(),
  };
  return { did, run: () => probeAccount(deps) };
}

const balance = (balanceUsd: number) => () => Promise.resolve({ balanceUsd, date: undefined });

describe('probeAccount', () => {
  it.each([
    ['bad-key', 0, ['postponed']],
    ['no-credit', 0, ['postponed']],
    // Whether submissions are accepted again, only the clip of one can show.
    ['bad-key', 5, []],
    ['no-credit', 5, []],
    ['wrong-endpoint', 5, []],
  ])('halted for %s, with a balance of %i USD: %j', async (reason, usd, expected) => {
    const { did, run } = probe(reason, balance(usd));
    await run();
    expect(did).toEqual(expected);
  });

  it.each(errorKinds)('postpones the trial only if the error shows that it would fail: %s', async (kind) => {
    const { did, run } = probe('no-credit', () => Promise.reject(new ApixoError(kind, 'X', 'no')), Date.now());
    await run();
    const inVain = [
      'bad-key',
      'no-credit',
      'unavailable',
      'server-error',
      'unreachable',
      'ambiguous',
      'network-refused',
    ];
    expect(did).toEqual(inVain.includes(kind) ? ['postponed'] : []);
  });

  it('allows a trial if the balance has not been answered for long', async () => {
    const { did, run } = probe('unavailable', () => Promise.reject(new ApixoError('server-error', 'X', 'no')));
    await run();
    expect(did).toEqual([]);
  });
});
