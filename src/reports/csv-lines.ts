import { stringify } from 'csv-stringify/sync';
import { escapeCell } from '../core/text.ts';
import type { Item } from '../ledger/item.ts';
import { manifestRow } from './manifest.ts';

/** Columns of the CSV export: the scalar fields of a row, and those of its input. */
const columns = [
  'id',
  'state',
  'code',
  'message',
  'location',
  'size',
  'sha256',
  'more',
  'taskId',
  'attempts',
  'postedAt',
  'endedAt',
  'output',
  'provider',
  'mode',
  'prompt',
  'duration',
  'sound',
  'aspect_ratio',
  'image_urls',
  'image_files',
] as const;

export async function* csvLines(items: AsyncIterable<Item>): AsyncGenerator<string> {
  yield csvLine(columns);
  for await (const item of items) {
    const row: Record<string, unknown> = { ...manifestRow(item), more: item.more?.map((file) => file.location) };
    const input: Record<string, unknown> = { ...(typeof item.input === 'object' ? item.input : {}) };
    yield csvLine(columns.map((column) => csvValue(row[column] ?? input[column])));
  }
}

/** Formats one row. A cell with a line break is quoted, so that the row stays one row. */
function csvLine(cells: readonly unknown[]): string {
  return stringify([[...cells]], { quoted_match: /\n/, record_delimiter: 'windows' });
}

function csvValue(value: unknown): unknown {
  if (Array.isArray(value)) return escapeCell(value.join(' '));
  if (typeof value === 'boolean') return String(value);
  return typeof value === 'string' ? escapeCell(value) : value;
}
