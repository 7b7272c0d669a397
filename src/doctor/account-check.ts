import { ApixoError } from '../apixo/errors.ts';
import { errorPolicy, type BalanceAction } from '../apixo/error-policy.ts';
import type { ApixoClient } from '../apixo/client.ts';
import type { Clock } from '../core/clock.ts';
import type { RequestBucket } from '../ledger/request-token.ts';
import { judgeClock } from './clock-check.ts';
import { fail, ok, warn, type Finding } from '../core/finding.ts';

export interface AccountDeps {
  api: Pick<ApixoClient, 'account'>;
  requests: Pick<RequestBucket, 'take'>;
  clock: Clock;
}

/** Resolution of the API's Date header, which is truncated to whole seconds, in milliseconds. */
const DATE_STEP_MS = 1_000;

/** Checks with one request, which counts toward the shared limit, that the API answers and accepts the key. */
export async function checkAccount({ api, requests, clock }: AccountDeps): Promise<Finding[]> {
  await requests.take();
  const sentAt = clock.now();
  try {
    const { balanceUsd, date } = await api.account();
    const answeredAt = clock.now();
    const findings = [judgeBalance(balanceUsd)];
    if (date !== undefined) {
      const skewMs = (sentAt + answeredAt) / 2 - (date + DATE_STEP_MS / 2);
      findings.push(judgeClock('the API', skewMs, (answeredAt - sentAt + DATE_STEP_MS) / 2));
    }
    return findings;
  } catch (error) {
    if (!(error instanceof ApixoError)) throw error;
    return [judgeError(error)];
  }
}

export function judgeBalance(usd: number): Finding {
  if (usd > 0) return ok('key', `accepted; ${usd.toFixed(2)} USD left`);
  return fail('key', `accepted, but the balance is ${usd.toFixed(2)} USD`, 'Top up the account at https://apixo.ai.');
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
      'None needed if APIXO_BASE_URL is right. If the key is refused, the first submission halts.',
    ),
  busy: (reason) =>
    warn(
      'key',
      `not checked: ${reason}`,
      'Run this again in a minute, and check whether another program uses the key.',
    ),
  unavailable: (reason) => warn('api', `unavailable: ${reason}`, 'Wait: workers retry automatically.'),
  'no-answer': (reason) => fail('api', `no answer: ${reason}`, 'Check the network, the firewall and APIXO_BASE_URL.'),
};

/** Returns the finding for a request that did not return the balance. */
export function judgeError(error: ApixoError): Finding {
  return findings[errorPolicy[error.kind].balance](error.message);
}
