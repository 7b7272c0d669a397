import type { ApixoClient } from '../../apixo/client.ts';
import { ApixoError } from '../../apixo/errors.ts';
import type { RequestBucket } from '../../ledger/request-token.ts';

/** What the account holds, where the API tells; asking is never a reason not to go on. */
export async function askBalance(
  api: Pick<ApixoClient, 'balance'>,
  requests: RequestBucket,
): Promise<number | undefined> {
  await requests.take();
  try {
    return await api.balance();
  } catch (error) {
    if (error instanceof ApixoError) return undefined;
    throw error;
  }
}
