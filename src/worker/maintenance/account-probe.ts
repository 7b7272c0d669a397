import { ApixoError } from '../../apixo/errors.ts';
import type { ApixoClient } from '../../apixo/client.ts';
import { TRIAL_MS } from '../../ledger/limits.ts';
import type { Account } from '../../ledger/account.ts';
import type { RequestBucket } from '../../ledger/request-token.ts';
import type { Logger } from '../../core/log.ts';

export interface ProbeDeps {
  api: Pick<ApixoClient, 'balance'>;
  account: Pick<Account, 'read' | 'clearHalt' | 'postponeTrial'>;
  requests: RequestBucket;
  log: Logger;
}

/**
 * Looks whether a halted account works again. The balance costs nothing to ask: as long as it is empty
 * or the key is refused, the next trial is put off. Whether the API takes submissions again only one
 * real submission can tell, which the dispatcher sends once the trial is due.
 */
export async function probeAccount(deps: ProbeDeps): Promise<void> {
  const { halted } = await deps.account.read();
  if (!halted) return;
  try {
    await deps.requests.take();
    const balance = await deps.api.balance();
    if (balance !== undefined && balance <= 0) return await deps.account.postponeTrial(TRIAL_MS);
    if (halted.reason === 'bad-key' && balance !== undefined && (await deps.account.clearHalt('bad-key'))) {
      deps.log.info('the API takes the key again: submission goes on');
    }
  } catch (error) {
    if (!(error instanceof ApixoError)) throw error;
    if (error.trouble === 'bad-key') await deps.account.postponeTrial(TRIAL_MS);
  }
}
