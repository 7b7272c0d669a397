import { z } from 'zod';

const unitMs: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `500ms`, `5s`, `1m`, `2h`, `30d` to milliseconds. */
export const duration = z.string().transform((text, context) => {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text.trim());
  const ms = match?.[1] && match[2] ? Number(match[1]) * (unitMs[match[2]] ?? Number.NaN) : Number.NaN;
  if (Number.isFinite(ms)) return ms;
  context.addIssue({ code: 'custom', message: 'must be a duration such as 500ms, 5s, 1m, 2h or 30d' });
  return z.NEVER;
});

/** A duration of at least a millisecond, in milliseconds. */
export const positiveDuration = duration.refine((ms) => ms >= 1, 'must be at least 1ms');

/** A whole number within bounds, written in decimal digits. */
export function wholeNumber(min: number, max: number) {
  return z.string().transform((text, context) => {
    const value = /^\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    context.addIssue({
      code: 'custom',
      message: `must be a whole number from ${min.toLocaleString('en')} to ${max.toLocaleString('en')}`,
    });
    return z.NEVER;
  });
}

/** An absolute URL with one of the given schemes (written with the colon), without a trailing slash. */
export function url(...schemes: string[]) {
  return z.string().transform((text, context) => {
    const parsed = URL.canParse(text) ? new URL(text) : undefined;
    if (parsed && schemes.includes(parsed.protocol)) return text.replace(/\/+$/, '');
    context.addIssue({ code: 'custom', message: `must be a URL that begins with ${schemes.join('// or ')}//` });
    return z.NEVER;
  });
}

export type StorageTarget = { kind: 'file'; root: string } | { kind: 's3'; bucket: string; prefix: string };

/** `file:./videos`, `file:///srv/videos` or `s3://bucket/prefix`. */
export const storageTarget = z.string().transform((text, context): StorageTarget => {
  const file = /^file:(?:\/\/(?=\/))?(.+)$/.exec(text);
  if (file?.[1]) return { kind: 'file', root: file[1] };
  const s3 = /^s3:\/\/([a-z0-9][a-z0-9._-]*)(?:\/(.*))?$/i.exec(text);
  if (s3?.[1]) return { kind: 's3', bucket: s3[1], prefix: (s3[2] ?? '').replace(/^\/+|\/+$/g, '') };
  context.addIssue({ code: 'custom', message: 'must be file:FOLDER or s3://BUCKET/PREFIX' });
  return z.NEVER;
});

/** True for an address that never leaves this machine: localhost, 127.0.0.0/8, ::1. */
export function isLoopback(address: string): boolean {
  const host = new URL(address).hostname;
  return host === 'localhost' || host.endsWith('.localhost') || host === '[::1]' || /^127(?:\.\d+){3}$/.test(host);
}
