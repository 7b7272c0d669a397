import { ApixoError } from '../apixo/errors.ts';
import { errorPolicy, type BalanceAction } from '../apixo/policy.ts';
import type { ApixoClient } from '../apixo/client.ts';
import type { Clock } from '../core/clock.ts';
import type { RequestBucket } from '../ledger/request-token.ts';
import { judgeClock } from './clock.ts';
import { fail, ok, warn, type Finding } from '../core/finding.ts';

export interface AccountDeps {
  api: Pick<ApixoClient, 'account'>;
  requests: Pick<RequestBucket, 'take'>;
  clock: Clock;
}

/** The API's Date header counts in whole seconds, cut off. */
const DATE_STEP_MS = 1_000;

/** Asks the API once, which counts as one request of the shared limit: does it answer, and to this key? */
export async function checkAccount({ api, requests, clock }: AccountDeps): Promise<Finding[]> {
  await requests.take();
  const asked = clock.now();
  try {
    const { balanceUsd, date } = await api.account();
    const answered = clock.now();
    const findings = [judgeBalance(balanceUsd)];
    if (date !== undefined) {
      const skewMs = (asked + answered) / 2 - (date + DATE_STEP_MS / 2);
      findings.push(judgeClock('the API', skewMs, (answered - asked + DATE_STEP_MS) / 2));
    }
    return findings;
  } catch (error) {
    if (!(error instanceof ApixoError)) throw error;
    return [judgeError(error)];
  }
}

export function judgeBalance(usd: number): Finding {
  if (usd > 0) return ok('key', `accepted; ${usd.toFixed(2)} USD left`);
  return fail('key', `accepted, but ${usd.toFixed(2)} USD are left`, 'Top up the account at https://apixo.ai.');
}

/** The finding for each reason why the balance is unknown. */
const findings: Record<BalanceAction, (reason: string) => Finding> = {
  'key-refused': (reason) => fail('key', `refused: ${reason}`, 'Set APIXO_API_KEY to a valid key of the account.'),
  'no-credit': (reason) =>
    fail('key', `accepted, but without credit: ${reason}`, 'Top up the account at https://apixo.ai.'),
  'not-offered': (reason) =>
    warn(
      'key',
      `cannot be checked without paying: the API does not offer the balance (${reason})`,
      'Nothing, if APIXO_BASE_URL is right: if the key is refused, the first submission halts.',
    ),
  busy: (reason) => warn('key', `not checked: ${reason}`, 'Try again in a minute, and check what else uses the key.'),
  unavailable: (reason) => warn('api', `unavailable: ${reason}`, 'Wait: workers retry by themselves.'),
  'no-answer': (reason) => fail('api', `no answer: ${reason}`, 'Check the network, the firewall and APIXO_BASE_URL.'),
};

/** Judges an answer other than the balance, or none. */
export function judgeError(error: ApixoError): Finding {
  return findings[errorPolicy[error.kind].balance](error.message);
}
