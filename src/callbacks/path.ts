import { createHmac, timingSafeEqual } from 'node:crypto';
import { refOf, splitRef } from '../ledger/schema/keys.ts';
import type { Attempt } from '../ledger/attempts.ts';

/** Length of the truncated MAC: 192 bits, 32 characters in base64url. */
const MAC_BYTES = 24;
const MAC_LENGTH = 32;
/** Batch of the callbacks that doctor sends; not a valid name for a real batch. */
export const PROBE_BATCH = '.doctor';
/** Longest reference: two names of 128 characters, an attempt and two separators, in base64url. */
const MAX_REF_LENGTH = 400;

/** The path of a callback below that of CLIPMILL_CALLBACK_URL. No proxy rewrites base64url segments. */
const shape = /^\/cb\/1\/([\w-]+)\/([\w-]+)$/;

export interface CallbackPathOptions {
  /** CLIPMILL_PREFIX. The same attempt has another path under another prefix. */
  prefix: string;
  /** The first one signs; all are accepted. */
  secrets: readonly string[];
}

/** Returns the URL that the API calls at the end of this attempt's task. It is a secret, as it triggers a poll. */
export function callbackUrl(base: string, attempt: Attempt, { prefix, secrets }: CallbackPathOptions): string {
  const [secret = ''] = secrets;
  const ref = Buffer.from(`${refOf(attempt.batch, attempt.id)}#${attempt.attempt}`).toString('base64url');
  return `${base.replace(/\/+$/, '')}/cb/1/${ref}/${macOf(secret, prefix, attempt).toString('base64url')}`;
}

/**
 * Parses and verifies the URL of a request, without Redis.
 * @param basePath path of CLIPMILL_CALLBACK_URL; empty if it has none
 * @returns the attempt; `undefined` for a wrong MAC or a path in any other form
 */
export function readCallbackPath(url: string, basePath: string, options: CallbackPathOptions): Attempt | undefined {
  if (!url.startsWith(basePath)) return undefined;
  const [, ref = '', mac = ''] = shape.exec(url.slice(basePath.length)) ?? [];
  if (mac.length !== MAC_LENGTH || ref.length > MAX_REF_LENGTH) return undefined;
  const received = Buffer.from(mac, 'base64url');
  const attempt = readRef(ref);
  if (!attempt || received.length !== MAC_BYTES) return undefined;
  // Every secret is tried, in constant time.
  const matches = options.secrets.filter((secret) => timingSafeEqual(received, macOf(secret, options.prefix, attempt)));
  return matches.length > 0 ? attempt : undefined;
}

function readRef(segment: string): Attempt | undefined {
  const bytes = Buffer.from(segment, 'base64url');
  if (bytes.toString('base64url') !== segment) return undefined;
  const [, ref = '', attempt = ''] = /^([^#]+\/[^#/]+)#([1-9]\d{0,8})$/.exec(bytes.toString('utf8')) ?? [];
  return attempt === '' ? undefined : { ...splitRef(ref), attempt: Number(attempt) };
}

/** Computes the MAC over all parts, so that it is valid for one attempt of one item, batch and prefix. */
function macOf(secret: string, prefix: string, { batch, id, attempt }: Attempt): Buffer {
  const text = ['clipmill-callback-v1', prefix, batch, id, String(attempt)].join('\0');
  return createHmac('sha256', secret).update(text).digest().subarray(0, MAC_BYTES);
}
