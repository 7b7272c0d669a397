import type { Command } from 'commander';
import { requireBatch } from '../../operations/arguments.ts';
import { readStatus, type BatchStatus, type Status } from '../../operations/status.ts';
import { itemStates } from '../../ledger/schema/states.ts';
import { formatCount, formatDuration, formatTable } from '../../core/format.ts';
import type { CliContext } from '../command-context.ts';
import { withApp } from '../with-app.ts';

export function addStatus(program: Command, context: CliContext): void {
  program
    .command('status')
    .argument('[batch]', 'only this batch')
    .option('--json', 'print JSON')
    .summary('print counts, pace, slots, requests, failures by code, and obstacles')
    .description(
      'Prints the slots and requests of the account in use, every obstacle with its cure, and for each batch the number of ' +
        'items in each state, the pace, the time left, and the failures by code.',
    )
    .action(async (batch: string | undefined, options: { json?: true }) => {
      await withApp(context, { redis: 'read' }, async (app) => {
        if (batch !== undefined) await requireBatch(app, batch);
        const status = await readStatus(app, batch);
        context.out(options.json ? `${JSON.stringify(status, null, 2)}\n` : describeStatus(status));
      });
    });
}

const columns = ['total', 'done', ...itemStates.filter((state) => state !== 'done')] as const;

/** Formats the status as a table, with obstacles, failures and what to do about them. */
export function describeStatus(status: Status): string {
  const { slots, requests } = status;
  const lines = status.obstacles.map((obstacle) => `! ${obstacle}`);
  lines.push(
    `slots ${formatCount(slots.used)} of ${formatCount(slots.ceiling)}${slots.ceiling < slots.max ? ` (lowered from ${formatCount(slots.max)} by the API)` : ''}` +
      `, requests ${formatCount(requests.used)} of ${formatCount(requests.max)} in ${formatDuration(requests.windowMs)}`,
  );
  if (status.batches.length === 0) return `${lines.join('\n')}\nno batches yet\n`;
  const rows = status.batches.map((batch) => [
    batch.batch,
    ...columns.map((column) => formatCount(batch.counts[column])),
    paceOf(batch),
  ]);
  const table = formatTable([['batch', ...columns, ''], ...rows]);
  const failures = status.batches
    .filter((batch) => Object.keys(batch.failures).length > 0)
    .map((batch) => `${batch.batch}: ${failuresOf(batch)}\n`);
  return `${lines.join('\n')}\n\n${table}${failures.length > 0 ? `\n${failures.join('')}` : ''}`;
}

function paceOf(batch: BatchStatus): string {
  if (batch.endedAt !== null) return batch.cancelledAt === null ? 'ended' : 'cancelled';
  const eta = batch.etaMs === null ? '' : `, about ${formatDuration(batch.etaMs)} left`;
  return `${formatCount(batch.clipsPerMinute)} clips/min${eta}`;
}

function failuresOf(batch: BatchStatus): string {
  const codes = Object.entries(batch.failures).map(([code, items]) => `${code} ${formatCount(items)}`);
  const cures = [
    ...(batch.counts.failed > 0 ? [`clipmill retry ${batch.batch} --failed`] : []),
    ...(batch.counts.held > 0 ? [`clipmill retry ${batch.batch} --held`] : []),
  ];
  return `${codes.join(', ')}  (${cures.join('; ')})`;
}
