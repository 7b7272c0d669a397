import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ApixoClient } from '../../apixo/client.ts';
import { ApixoError } from '../../apixo/errors.ts';
import type { App } from '../../app.ts';
import { describeError } from '../../core/errors.ts';
import { formatCount, formatTable, formatUsd, plural } from '../../core/format.ts';
import type { Batch } from '../../ledger/batch.ts';
import type { RequestBucket } from '../../ledger/request-token.ts';
import { reasons } from '../../ledger/schema/reasons.ts';
import { endStates } from '../../ledger/schema/states.ts';
import type { Workers } from '../../worker/start-workers.ts';
import { EXIT, type CliContext } from '../command-context.ts';
import { sumCounts } from './follow.ts';

/** Prints the results of the batches and the balance. @returns the exit code */
export async function reportEnd(
  context: CliContext,
  app: App,
  workers: Workers,
  batches: readonly Batch[],
  before: { balance: number | undefined; posted: number },
): Promise<number> {
  for (const batch of batches) {
    const gallery = await writeReports(context, workers, batch.batch);
    context.out(await batchSummary(app, batch));
    if (gallery !== undefined) context.out(`  gallery: ${displayLocation(gallery)}\n`);
  }
  if (before.balance !== undefined) {
    const after = await readBalance(workers.api, app.requests);
    if (after !== undefined) context.err(balanceLine(before.balance, after, sumPosted(batches) - before.posted));
  }
  const counts = sumCounts(batches);
  return counts.failed + counts.held > 0 ? EXIT.incomplete : EXIT.ok;
}

/** Writes manifest and gallery. Prints a failure instead of throwing it, because the clips are stored. */
async function writeReports(context: CliContext, workers: Workers, batch: string): Promise<string | undefined> {
  try {
    return (await workers.reports.write(batch)).gallery;
  } catch (error) {
    context.err(
      `manifest and gallery could not be written: ${describeError(error)}; run the same command again to write them\n`,
    );
    return undefined;
  }
}

/** Maximum number of failed and held items that are listed. */
const MAX_LISTED = 10;

/** Formats the result of a batch, and what to do about failed and held items. */
async function batchSummary(app: App, batch: Batch): Promise<string> {
  const { counts } = batch;
  const ends = [...endStates].filter((state) => state === 'done' || counts[state] > 0);
  const lines = [
    `${batch.batch}: ${ends.map((state) => `${formatCount(counts[state])} ${state}`).join(', ')} of ${plural(counts.total, 'clip')}\n`,
  ];
  if (counts.failed + counts.held > 0) lines.push(await listProblems(app, batch));
  if (counts.failed > 0) lines.push(`  to retry failed items: clipmill retry ${batch.batch} --failed\n`);
  if (counts.held > 0) lines.push(heldAdvice(batch));
  return lines.join('');
}

/** Lists failed and held items, and sums up the rest by code. */
async function listProblems(app: App, batch: Batch): Promise<string> {
  const rows: string[][] = [];
  const total = batch.counts.failed + batch.counts.held;
  for await (const item of app.queries.items(batch.batch)) {
    if (item.state !== 'failed' && item.state !== 'held') continue;
    rows.push([`  ${item.state}`, item.id, item.code ?? '', item.message ?? '']);
    if (rows.length === MAX_LISTED) break;
  }
  const codes = Object.entries(batch.failures).map(([code, items]) => `${code} ${formatCount(items)}`);
  const more = total > rows.length ? `  … and ${formatCount(total - rows.length)} more: ${codes.join(', ')}\n` : '';
  return formatTable(rows) + more;
}

function heldAdvice(batch: Batch): string {
  const overBudget = batch.failures['BUDGET'] ?? 0;
  const ambiguous = batch.counts.held - overBudget;
  const lines: string[] = [];
  if (overBudget > 0)
    lines.push(`  ${plural(overBudget, 'item')} held: ${reasons.BUDGET}; raise it in the file and run again\n`);
  if (ambiguous > 0) {
    lines.push(
      `  ${plural(ambiguous, 'item')} held: the API may have made and billed ${ambiguous === 1 ? 'its clip' : 'their clips'}. To poll the tasks again, or, where no task\n`,
      '  is known, to submit the items again, which may pay twice:\n',
      `    clipmill retry ${batch.batch} --held\n`,
    );
  }
  return lines.join('');
}

/** Returns the balance in US dollars; `undefined` if the API does not offer it, or does not answer. */
export async function readBalance(
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
 * Formats the balance before and after, with the cost per clip. The API publishes no price, so the cost is measured by
 * the balance, which includes other uses of the account.
 */
function balanceLine(before: number, after: number, posted: number): string {
  const paid = before - after;
  const each = paid > 0 && posted > 0 ? `, ${formatUsd(paid / posted)} per clip` : '';
  return `balance ${formatUsd(before)} before, ${formatUsd(after)} after${each}\n`;
}

export function sumPosted(batches: readonly Batch[]): number {
  return batches.reduce((sum, batch) => sum + batch.posted, 0);
}

/** Formats the location of a file as a path relative to the working folder, any other location unchanged. */
function displayLocation(location: string): string {
  if (!location.startsWith('file:')) return location;
  const path = fileURLToPath(location);
  const near = relative(process.cwd(), path);
  return near.startsWith('..') ? path : near;
}
