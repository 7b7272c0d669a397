import type { ApixoClient } from '../../apixo/client.ts';
import { ApixoError } from '../../apixo/errors.ts';
import { errorPolicy } from '../../apixo/policy.ts';
import type { Clock } from '../../core/clock.ts';
import type { Account, BalanceReply } from '../../ledger/account.ts';
import type { RequestBucket } from '../../ledger/request-token.ts';

export interface BillingEvidenceDeps {
  api: Pick<ApixoClient, 'account'>;
  account: Pick<Account, 'balance'>;
  requests: Pick<RequestBucket, 'take'>;
  clock: Clock;
}

/** Longest wait for the balance, in milliseconds: the item keeps its slot meanwhile. */
const TIMEOUT_MS = 5_000;
/** An API that does not offer the balance is asked again after this, in milliseconds. */
const NOT_OFFERED_MS = 600_000;

/**
 * Decides by the balance whether a POST that the API failed at was billed nevertheless. It costs one request,
 * and no money.
 */
export class BillingEvidence {
  readonly #deps: BillingEvidenceDeps;
  #askAgainAt = 0;

  constructor(deps: BillingEvidenceDeps) {
    this.#deps = deps;
  }

  /** @returns `unknown` where the API does not offer the balance, or other tasks were billed in the same time */
  async weigh(sentAgoMs: number, signal: AbortSignal): Promise<BalanceReply> {
    const { api, account, requests, clock } = this.#deps;
    const askedAt = clock.elapsed();
    if (askedAt < this.#askAgainAt) return 'unknown';
    try {
      const limited = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
      await requests.take(limited);
      const { balanceUsd } = await api.account(limited);
      return await account.balance(balanceUsd, sentAgoMs + clock.elapsed() - askedAt);
    } catch (error) {
      if (error instanceof ApixoError) {
        if (errorPolicy[error.kind].balance === 'not-offered') this.#askAgainAt = askedAt + NOT_OFFERED_MS;
        return 'unknown';
      }
      if (error instanceof Error && (error.name === 'TimeoutError' || signal.aborted)) return 'unknown';
      throw error;
    }
  }
}
