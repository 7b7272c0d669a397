import { ApixoError } from '../../apixo/errors.ts';
import { errorPolicy } from '../../apixo/policy.ts';
import type { ApixoClient } from '../../apixo/client.ts';
import { constants } from '../../ledger/schema/constants.ts';
import type { Account } from '../../ledger/account.ts';
import type { RequestBucket } from '../../ledger/request-token.ts';
import type { Logger } from '../../core/log.ts';

export interface ProbeDeps {
  api: Pick<ApixoClient, 'account'>;
  account: Pick<Account, 'read' | 'clearHalt' | 'postponeTrial'>;
  requests: RequestBucket;
  log: Logger;
}

/**
 * Checks whether a halted account works again by asking for its balance, which costs nothing: as long as it
 * is empty or the key is refused, the next trial is postponed. Only a real submission shows that the API
 * accepts submissions again; the dispatcher sends one when the trial is due.
 */
export async function probeAccount(deps: ProbeDeps): Promise<void> {
  const { halted } = await deps.account.read();
  if (!halted) return;
  try {
    await deps.requests.take();
    const { balanceUsd } = await deps.api.account();
    if (balanceUsd <= 0) return await deps.account.postponeTrial(constants.trialMs);
    if (halted.reason === 'bad-key' && (await deps.account.clearHalt('bad-key'))) {
      deps.log.info('the API accepts the key again: submission resumes');
    }
  } catch (error) {
    if (!(error instanceof ApixoError)) throw error;
    const action = errorPolicy[error.kind].balance;
    if (action === 'key-refused' || action === 'no-credit') await deps.account.postponeTrial(constants.trialMs);
  }
}
