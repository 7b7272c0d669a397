import { createHmac, timingSafeEqual } from 'node:crypto';
import { refOf, splitRef } from '../ledger/schema/keys.ts';
import type { Attempt } from '../ledger/attempts.ts';

/** Bytes that are kept of the MAC: 192 bits, 32 characters. */
const MAC_BYTES = 24;
const MAC_LENGTH = 32;
/** Batch of the callbacks that doctor sends; an invalid name for any other batch. */
export const PROBE_BATCH = '.doctor';
/** The longest reference: two names of 128 characters, an attempt and two separators, in base64url. */
const MAX_REF_LENGTH = 400;

/** The path of a callback below the path of CLIPMILL_CALLBACK_URL: base64url segments, which no proxy rewrites. */
const shape = /^\/cb\/1\/([\w-]+)\/([\w-]+)$/;

export interface CallbackPathOptions {
  /** CLIPMILL_PREFIX: the same attempt under another prefix has another path. */
  prefix: string;
  /** The first one signs, all of them are accepted. */
  secrets: readonly string[];
}

/** Returns the URL that the API calls at the end of this attempt's task. It is a secret: it can wake that attempt's poll. */
export function callbackUrl(base: string, attempt: Attempt, { prefix, secrets }: CallbackPathOptions): string {
  const [secret = ''] = secrets;
  const ref = Buffer.from(`${refOf(attempt.batch, attempt.id)}#${attempt.attempt}`).toString('base64url');
  return `${base.replace(/\/+$/, '')}/cb/1/${ref}/${macOf(secret, prefix, attempt).toString('base64url')}`;
}

/**
 * Reads a request's path, without Redis.
 * @param basePath path of CLIPMILL_CALLBACK_URL, `` when it has none
 * @returns the attempt that the path stands for; `undefined` for any other spelling and for a wrong MAC
 */
export function readCallbackPath(url: string, basePath: string, options: CallbackPathOptions): Attempt | undefined {
  if (!url.startsWith(basePath)) return undefined;
  const [, ref = '', mac = ''] = shape.exec(url.slice(basePath.length)) ?? [];
  if (mac.length !== MAC_LENGTH || ref.length > MAX_REF_LENGTH) return undefined;
  const given = Buffer.from(mac, 'base64url');
  const attempt = readRef(ref);
  if (!attempt || given.length !== MAC_BYTES) return undefined;
  // No early end: every secret is tried, in the same time.
  const matches = options.secrets.filter((secret) => timingSafeEqual(given, macOf(secret, options.prefix, attempt)));
  return matches.length > 0 ? attempt : undefined;
}

function readRef(segment: string): Attempt | undefined {
  const bytes = Buffer.from(segment, 'base64url');
  if (bytes.toString('base64url') !== segment) return undefined;
  const [, ref = '', attempt = ''] = /^([^#]+\/[^#/]+)#([1-9]\d{0,8})$/.exec(bytes.toString('utf8')) ?? [];
  return attempt === '' ? undefined : { ...splitRef(ref), attempt: Number(attempt) };
}

/** Covers everything that the URL stands for: an attempt's MAC opens no other attempt, item, batch or prefix. */
function macOf(secret: string, prefix: string, { batch, id, attempt }: Attempt): Buffer {
  const text = ['clipmill-callback-v1', prefix, batch, id, String(attempt)].join('\0');
  return createHmac('sha256', secret).update(text).digest().subarray(0, MAC_BYTES);
}
