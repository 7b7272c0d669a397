import { fieldNamed } from '../table/columns.ts';

/** Returns a refusal when the first line of a .txt file is one of another format, as a table saved as text is. */
export function otherFormat(line: string): string | undefined {
  const format = formatOf(line);
  if (format === undefined) return undefined;
  return `looks like ${names[format]}: --format ${format} reads it as that, --format txt as one prompt a line`;
}

const names = { jsonl: 'JSON lines', json: 'JSON', yaml: 'YAML', tsv: 'a table with tabs', csv: 'a table' };

function formatOf(line: string): keyof typeof names | undefined {
  if (/^[{[]/.test(line) && isJson(line)) return line.startsWith('[') ? 'json' : 'jsonl';
  if (/^[[{]$/.test(line)) return 'json';
  if (/^\[\s*'.*'\s*,?\s*\]$/.test(line)) return 'yaml';
  if (/^(?:jobs|defaults|batch):(?:\s|$)|^- (?:prompt|id): /.test(line)) return 'yaml';
  if (/^"?sep=.$/i.test(line)) return 'csv';
  for (const [delimiter, format] of [
    ['\t', 'tsv'],
    [',', 'csv'],
    [';', 'csv'],
  ] as const) {
    const cells = line.split(delimiter).map((cell) => cell.trim().replace(/^"(.*)"$/, '$1'));
    if (cells.length > 1 && cells.some((cell) => fieldNamed(cell, new Map()) === 'prompt')) return format;
  }
  return undefined;
}

function isJson(line: string): boolean {
  try {
    return typeof JSON.parse(line) === 'object';
  } catch {
    return false;
  }
}
