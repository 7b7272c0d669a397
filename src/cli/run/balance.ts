import type { ApixoClient } from '../../apixo/client.ts';
import { ApixoError } from '../../apixo/errors.ts';
import type { RequestBucket } from '../../ledger/request-token.ts';

/** Returns the balance in US dollars; `undefined` where the API does not offer it, or does not answer. */
export async function askBalance(
  api: Pick<ApixoClient, 'account'>,
  requests: RequestBucket,
): Promise<number | undefined> {
  await requests.take();
  try {
    return (await api.account()).balanceUsd;
  } catch (error) {
    if (error instanceof ApixoError) return undefined;
    throw error;
  }
}
