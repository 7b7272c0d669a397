import type { ApixoClient } from '../../apixo/client.ts';
import { ApixoError } from '../../apixo/errors.ts';
import { formatUsd } from '../../core/format.ts';
import type { RequestBucket } from '../../ledger/request-token.ts';

/** Returns the balance in US dollars; `undefined` where the API does not offer it, or does not answer. */
export async function askBalance(
  api: Pick<ApixoClient, 'account'>,
  requests: Pick<RequestBucket, 'take'>,
): Promise<number | undefined> {
  await requests.take();
  try {
    return (await api.account()).balanceUsd;
  } catch (error) {
    if (error instanceof ApixoError) return undefined;
    throw error;
  }
}

/**
 * Returns the balance before and after in one line. No price is published, so the cost of a clip is measured by
 * the balance; other users of the key show in it.
 */
export function balanceLine(before: number, after: number, posted: number): string {
  const paid = before - after;
  const each = paid > 0 && posted > 0 ? `, ${formatUsd(paid / posted)} a clip` : '';
  return `balance ${formatUsd(before)} before, ${formatUsd(after)} after${each}\n`;
}
