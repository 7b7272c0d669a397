import { isIP } from 'node:net';
import { z } from 'zod';
import { parseRange, type Range } from '../core/address-range.ts';
import { formatCount } from '../core/format.ts';
import { parseRedisUrl } from './redis-url.ts';

const unitMs: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `500ms`, `5s`, `1m`, `2h` or `30d`, in milliseconds. */
export const duration = z.string().transform((text, context) => {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text.trim());
  const ms = match?.[1] && match[2] ? Number(match[1]) * (unitMs[match[2]] ?? Number.NaN) : Number.NaN;
  if (Number.isFinite(ms)) return ms;
  context.addIssue({ code: 'custom', message: 'must be a duration such as 500ms, 5s, 1m, 2h or 30d' });
  return z.NEVER;
});

/** A duration of at least a millisecond, in milliseconds. */
export const positiveDuration = duration.refine((ms) => ms >= 1, 'must be at least 1ms');

/** A whole number from `min` to `max`, in decimal digits. */
export function wholeNumber(min: number, max: number) {
  return z.string().transform((text, context) => {
    const value = /^\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    context.addIssue({
      code: 'custom',
      message: `must be a whole number from ${formatCount(min)} to ${formatCount(max)}`,
    });
    return z.NEVER;
  });
}

const unitBytes: Record<string, number> = {
  '': 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
};

/** `500000`, `100MB` or `2GiB`, in bytes; at least 1. */
export const byteSize = z.string().transform((text, context) => {
  const [, number = '', unit = ''] = /^(\d+)\s*([kmg]i?b)?$/i.exec(text.trim()) ?? [];
  const bytes = number === '' ? Number.NaN : Number(number) * (unitBytes[unit.toLowerCase()] ?? Number.NaN);
  if (Number.isSafeInteger(bytes) && bytes >= 1) return bytes;
  context.addIssue({ code: 'custom', message: 'must be a number of bytes such as 500000, 100MB or 2GiB' });
  return z.NEVER;
});

/** `198.18.0.0/15, fd00::/8` or single addresses, separated by commas; `none` for no range. */
export const addressRanges = z.string().transform((text, context): Range[] => {
  if (text === 'none') return [];
  try {
    return text.split(',').map((part) => parseRange(part.trim()));
  } catch {
    context.addIssue({ code: 'custom', message: 'must be ranges such as 198.18.0.0/15,fd00::/8' });
    return z.NEVER;
  }
});

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

/** Returns whether a URL points to this machine: localhost, 127.0.0.0/8 or ::1. */
export function isLoopback(address: string): boolean {
  return isLoopbackHost(new URL(address).hostname.replace(/^\[|\]$/g, ''));
}

/** The address of a listener; IPv6 without brackets. */
export interface ListenAddress {
  host: string;
  port: number;
}

/** `HOST:PORT`, `[::1]:PORT`, or a port alone for loopback. Port 0 selects any free port. */
export const listenAddress = z.string().transform((text, context): ListenAddress => {
  const match = /^(?:(?:\[(?<v6>[0-9a-f:.]+)\]|(?<name>[a-z0-9.-]+)):)?(?<port>\d{1,5})$/i.exec(text.trim())?.groups;
  const port = Number(match?.['port'] ?? Number.NaN);
  const host = match?.['v6'] ?? match?.['name'] ?? '127.0.0.1';
  if (port <= 65_535 && (match?.['v6'] === undefined || isIP(host) === 6)) return { host, port };
  context.addIssue({
    code: 'custom',
    message: 'must be HOST:PORT, such as 127.0.0.1:7878, 0.0.0.0:7878 or [::1]:7878',
  });
  return z.NEVER;
});

/** An absolute URL to which paths are appended: no query, no fragment, no user. */
export function baseUrl(...schemes: string[]) {
  return url(...schemes).refine((text) => {
    const { search, hash, username, password } = new URL(text);
    return search + hash + username + password === '' && !/[?#@]/.test(text);
  }, 'must have no query, fragment or user');
}

/** One secret, or two while it is being replaced: the first signs, both are accepted. */
export const secretPair = z
  .string()
  .transform((text) => text.split(',').map((secret) => secret.trim()))
  .refine(
    (secrets) => secrets.length <= 2 && secrets.every((secret) => /^[\x21-\x7e]{16,256}$/.test(secret)),
    'must be one secret of 16 to 256 printable ASCII characters, or two separated by a comma (NEW,OLD)',
  );

/** Returns whether a host name or address is that of this machine. */
export function isLoopbackHost(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost') || host === '::1' || /^127(?:\.\d+){3}$/.test(host);
}

/** Returns whether a host is unreachable from the internet: a private address, or a name without a public domain. */
export function isPrivateHost(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  if (isLoopbackHost(bare)) return true;
  if (isIP(bare) === 4)
    return /^(0|10|127|169\.254|192\.168|172\.(1[6-9]|2\d|3[01])|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7]))\./.test(bare);
  if (isIP(bare) === 6) return /^(::|f[cd]|fe[89a-f]|::ffff:)/i.test(bare);
  return !bare.includes('.') || /\.(local|internal|lan|home|localdomain|test|invalid|example)$/i.test(bare);
}

/** `REDIS_URL` as written, validated. */
export const redisUrl = z.string().transform((text, context) => {
  try {
    parseRedisUrl(text);
    return text;
  } catch (error) {
    context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : 'is not a Redis URL' });
    return z.NEVER;
  }
});
