import type { ExchangeAnswer } from './exchange.ts';

/** Longest Retry-After that is obeyed, in milliseconds: no single header stops a batch for longer. */
export const MAX_RETRY_AFTER_MS = 900_000;

/**
 * Returns the delay of a Retry-After in milliseconds, at most MAX_RETRY_AFTER_MS. The header may have seconds, an HTTP
 * date, or a Unix time in seconds or milliseconds (some gateways send that); times are compared with the Date header,
 * which is of the same clock. Returns `undefined` for anything else.
 */
export function readRetryAfter({ 'retry-after': header, date }: ExchangeAnswer['headers']): number | undefined {
  const text = (Array.isArray(header) ? header[0] : header)?.trim();
  if (!text) return undefined;
  const now = readDate(date) ?? Date.now();
  const ms = /^\d+(\.\d+)?s?$/i.test(text)
    ? fromNumber(Number.parseFloat(text), now)
    : /^[a-z]/i.test(text)
      ? Date.parse(text) - now
      : Number.NaN;
  return Number.isFinite(ms) ? Math.min(MAX_RETRY_AFTER_MS, Math.max(0, ms)) : undefined;
}

/** Returns the milliseconds of a number of seconds, or those until a Unix time where it is too large for a delay. */
function fromNumber(value: number, now: number): number {
  if (value > 1e11) return value - now;
  return value > 1e9 ? value * 1000 - now : value * 1000;
}

/** Returns the Unix time of a Date header in milliseconds. */
export function readDate(header: string | string[] | undefined): number | undefined {
  const date = typeof header === 'string' ? Date.parse(header) : Number.NaN;
  return Number.isFinite(date) ? date : undefined;
}
