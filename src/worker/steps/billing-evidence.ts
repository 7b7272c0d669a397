import type { ApixoClient } from '../../apixo/client.ts';
import { ApixoError } from '../../apixo/errors.ts';
import { errorPolicy } from '../../apixo/error-policy.ts';
import type { Clock } from '../../core/clock.ts';
import type { Account, BalanceReply } from '../../ledger/account.ts';
import type { RequestBucket } from '../../ledger/request-token.ts';

export interface BillingEvidenceDeps {
  api: Pick<ApixoClient, 'account'>;
  account: Pick<Account, 'balance'>;
  requests: Pick<RequestBucket, 'take'>;
  clock: Clock;
}

/** Timeout of the check, in milliseconds: the item keeps its slot meanwhile. */
const TIMEOUT_MS = 5_000;
/** Pause after an answer of an API that offers no balance, in milliseconds. */
const NOT_OFFERED_MS = 600_000;

/** Determines from the balance whether a POST that got a server error was billed. Costs one request and no money. */
export class BillingEvidence {
  readonly #deps: BillingEvidenceDeps;
  #pausedUntil = 0;

  constructor(deps: BillingEvidenceDeps) {
    this.#deps = deps;
  }

  /** @returns `unknown` if the API offers no balance, or if other tasks were billed in the same period */
  async check(sentAgoMs: number, signal: AbortSignal): Promise<BalanceReply> {
    const { api, account, requests, clock } = this.#deps;
    const startedAt = clock.elapsed();
    if (startedAt < this.#pausedUntil) return 'unknown';
    try {
      const limited = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
      await requests.take(limited);
      const { balanceUsd } = await api.account(limited);
      return await account.balance(balanceUsd, sentAgoMs + clock.elapsed() - startedAt);
    } catch (error) {
      if (error instanceof ApixoError) {
        if (errorPolicy[error.kind].balance === 'not-offered') this.#pausedUntil = startedAt + NOT_OFFERED_MS;
        return 'unknown';
      }
      if (error instanceof Error && (error.name === 'TimeoutError' || signal.aborted)) return 'unknown';
      throw error;
    }
  }
}
