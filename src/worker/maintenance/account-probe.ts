import { ApixoError } from '../../apixo/errors.ts';
import { errorPolicy } from '../../apixo/error-policy.ts';
import type { ApixoClient } from '../../apixo/client.ts';
import { constants } from '../../ledger/schema/constants.ts';
import type { Account } from '../../ledger/account.ts';
import type { RequestBucket } from '../../ledger/request-token.ts';
import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/log.ts';

export interface ProbeDeps {
  api: Pick<ApixoClient, 'account'>;
  account: Pick<Account, 'read' | 'balance' | 'postponeTrial'>;
  requests: Pick<RequestBucket, 'take'>;
  clock: Clock;
  log: Logger;
}

/** Time after a halt for which a balance request without an answer postpones trials, in milliseconds. */
const MAX_POSTPONED_MS = 600_000;

/**
 * Requests the balance of a halted account, which costs nothing. While the account is empty, the key is refused or the
 * API does not answer, the next trial is postponed, because it would fail. A balance that has risen ends a halt for
 * lack of credit. A positive balance alone ends no halt: only a clip proves that submissions work.
 */
export async function probeAccount(deps: ProbeDeps): Promise<void> {
  const { account, log } = deps;
  const { halted } = await account.read();
  if (!halted) return;
  try {
    await deps.requests.take();
    const { balanceUsd } = await deps.api.account();
    const shown = await account.balance(balanceUsd);
    if (shown === 'topped-up') log.info({ balanceUsd }, 'the balance has risen: submission resumes');
    else if (balanceUsd <= 0) await account.postponeTrial(constants.trialMs);
  } catch (error) {
    if (!(error instanceof ApixoError)) throw error;
    const action = errorPolicy[error.kind].balance;
    const down = action === 'unavailable' || action === 'no-answer';
    const isRecent = deps.clock.now() - halted.since < MAX_POSTPONED_MS;
    if (action === 'key-refused' || action === 'no-credit' || (down && isRecent))
      await account.postponeTrial(constants.trialMs);
  }
}
