import { fieldOf, isFields, recordsOf } from './json-fields.ts';

const names = ['balance', 'currentbalance', 'credits', 'credit', 'remaining', 'amount', 'available'] as const;

/** Returns the US dollars left on a key: `data` as a number (documented) or as text, or a field with another name. */
export function readBalance(body: unknown): { usd: number; lenient: boolean } | undefined {
  const data = isFields(body) ? body['data'] : body;
  if (typeof data === 'number' && Number.isFinite(data)) return { usd: data, lenient: false };
  const candidates = [data, ...[...recordsOf(body)].map(({ fields }) => fieldOf(fields, names))];
  for (const value of candidates) {
    const text = typeof value === 'string' ? value.replace(/^\s*\$|\s*USD\s*$/gi, '').trim() : value;
    const usd = typeof text === 'number' ? text : typeof text === 'string' && text !== '' ? Number(text) : Number.NaN;
    if (Number.isFinite(usd)) return { usd, lenient: true };
  }
  return undefined;
}
