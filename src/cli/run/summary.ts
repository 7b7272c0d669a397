import type { Batch } from '../../ledger/batch.ts';
import { reasons } from '../../ledger/schema/reasons.ts';
import { endStates } from '../../ledger/schema/states.ts';
import type { App } from '../../app.ts';
import { formatCount, formatTable, plural } from '../../core/format.ts';

/** Held and failed items named one by one at most. */
const NAMED = 10;

/** Returns the result of a batch, and what to do about items that did not end well. */
export async function batchSummary(app: App, batch: Batch): Promise<string> {
  const { counts } = batch;
  const ends = [...endStates].filter((state) => state === 'done' || counts[state] > 0);
  const lines = [
    `${batch.batch}: ${ends.map((state) => `${formatCount(counts[state])} ${state}`).join(', ')} of ${plural(counts.total, 'clip')}\n`,
  ];
  if (counts.failed + counts.held > 0) lines.push(await errorKinds(app, batch));
  if (counts.failed > 0) lines.push(`  failed items get another try with: clipmill retry ${batch.batch} --failed\n`);
  if (counts.held > 0) lines.push(heldAdvice(batch));
  return lines.join('');
}

/** The items that failed or are held, by name as far as they are few. */
async function errorKinds(app: App, batch: Batch): Promise<string> {
  const rows: string[][] = [];
  const total = batch.counts.failed + batch.counts.held;
  for await (const item of app.queries.items(batch.batch)) {
    if (item.state !== 'failed' && item.state !== 'held') continue;
    rows.push([`  ${item.state}`, item.id, item.code ?? '', item.message ?? '']);
    if (rows.length === NAMED) break;
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
      `  ${plural(ambiguous, 'item')} held: it is not known whether the API made (and billed) the clip; if paying twice is all right:\n`,
      `    clipmill retry ${batch.batch} --held\n`,
    );
  }
  return lines.join('');
}
