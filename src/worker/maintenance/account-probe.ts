import { ApixoError } from '../../apixo/errors.ts';
import { errorPolicy } from '../../apixo/policy.ts';
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

/** An API that never answers about the balance puts trials off for so long, in milliseconds, and no longer. */
const PATIENCE_MS = 600_000;

/**
 * Asks a halted account for its balance, which costs nothing. As long as it is empty, the key is refused or
 * the API does not answer, the next trial is postponed: it would be in vain. A balance that has risen ends a
 * halt for lack of credit; a good balance alone ends none, because only a clip shows that submissions work.
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
    const isRecent = deps.clock.now() - halted.since < PATIENCE_MS;
    if (action === 'key-refused' || action === 'no-credit' || (down && isRecent))
      await account.postponeTrial(constants.trialMs);
  }
}
