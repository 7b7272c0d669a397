import { ApixoError } from '../apixo/errors.ts';
import type { ApixoClient } from '../apixo/client.ts';
import type { Clock } from '../core/clock.ts';
import type { RequestBucket } from '../ledger/request-token.ts';
import { judgeClock } from './clock.ts';
import { fail, ok, warn, type Finding } from '../core/finding.ts';

export interface AccountDeps {
  api: Pick<ApixoClient, 'account'>;
  requests: RequestBucket;
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
    return [judgeTrouble(error)];
  }
}

export function judgeBalance(usd: number): Finding {
  if (usd > 0) return ok('key', `the API takes it; ${usd.toFixed(2)} USD left`);
  return fail('key', `the API takes it, but ${usd.toFixed(2)} USD are left`, 'Top up the account at https://apixo.ai.');
}

/** An answer other than the balance, or none. */
export function judgeTrouble(error: ApixoError): Finding {
  switch (error.trouble) {
    case 'bad-key':
      return fail('key', `refused: ${error.message}`, 'Set APIXO_API_KEY to a valid key of the account.');
    case 'no-credit':
      return fail('key', `taken, but without credit: ${error.message}`, 'Top up the account at https://apixo.ai.');
    case 'wrong-endpoint':
    case 'unknown-task':
    case 'rejected':
    case 'content':
      return warn(
        'key',
        `cannot be checked without paying, the API does not tell the balance (${error.message})`,
        'Nothing, if APIXO_BASE_URL is right: the first submission will tell, and halts if the key is refused.',
      );
    case 'rate-limited':
    case 'too-many-tasks':
      return warn('key', `not checked: ${error.message}`, 'Try again in a minute, and see what else uses the key.');
    case 'unavailable':
      return warn('api', `in trouble: ${error.message}`, 'Wait: workers try on by themselves.');
    default:
      return fail('api', `no answer: ${error.message}`, 'Check the network, the firewall and APIXO_BASE_URL.');
  }
}
