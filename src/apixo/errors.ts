/**
 * What can be wrong with an answer, as a fixed vocabulary. The table below says of each whether the
 * request may have been accepted and whose business it is: the item's, the account's, or nobody's
 * (it passes).
 */
export const errorKinds = {
  'rate-limited': { accepted: 'no', concerns: 'account' },
  'too-many-tasks': { accepted: 'no', concerns: 'account' },
  'bad-key': { accepted: 'no', concerns: 'account' },
  'no-credit': { accepted: 'no', concerns: 'account' },
  'wrong-endpoint': { accepted: 'no', concerns: 'account' },
  rejected: { accepted: 'no', concerns: 'item' },
  content: { accepted: 'no', concerns: 'item' },
  'unknown-task': { accepted: 'no', concerns: 'item' },
  unavailable: { accepted: 'no', concerns: 'nobody' },
  unreachable: { accepted: 'no', concerns: 'nobody' },
  ambiguous: { accepted: 'maybe', concerns: 'item' },
} as const satisfies Record<string, { accepted: 'no' | 'maybe'; concerns: 'item' | 'account' | 'nobody' }>;

export type ErrorKind = keyof typeof errorKinds;

/** An answer of the API that is not what was asked for, or none at all. */
export class ApixoError extends Error {
  override readonly name = 'ApixoError';
  readonly trouble: ErrorKind;
  /** A short reason in capitals, such as `HTTP_503` or `POST_TIMEOUT`, for records and counts. */
  readonly code: string;
  /** What the server asked for by Retry-After, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(
    trouble: ErrorKind,
    code: string,
    message: string,
    options: { retryAfterMs?: number | undefined; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.trouble = trouble;
    this.code = code;
    this.retryAfterMs = options.retryAfterMs;
  }

  /** Whether the request may have been carried out although no answer says so. */
  get maybeAccepted(): boolean {
    return errorKinds[this.trouble].accepted === 'maybe';
  }
}

/** The verdict on a status or body code that is not 200, by the first row that fits. */
const classification: readonly { status: (status: number) => boolean; says?: RegExp; trouble: ErrorKind }[] = [
  { status: is(401), trouble: 'bad-key' },
  { status: is(402), trouble: 'no-credit' },
  { status: is(400, 403), says: /insufficient|credit|balance/i, trouble: 'no-credit' },
  { status: is(400, 403), says: /content|polic|safety|sensitive|violat|nsfw|prohibited/i, trouble: 'content' },
  { status: is(403), trouble: 'bad-key' },
  { status: is(404), says: /task/i, trouble: 'unknown-task' },
  { status: is(404, 405), trouble: 'wrong-endpoint' },
  { status: is(408, 425, 500, 503), trouble: 'unavailable' },
  { status: is(429), says: /concurren|parallel|tasks?\b/i, trouble: 'too-many-tasks' },
  { status: is(429), trouble: 'rate-limited' },
  { status: (status) => status >= 300 && status < 400, trouble: 'wrong-endpoint' },
  { status: (status) => status >= 400 && status < 500, trouble: 'rejected' },
];

function is(...statuses: number[]): (status: number) => boolean {
  return (status) => statuses.includes(status);
}

/**
 * The trouble that a status or body code stands for. Whatever no row knows (502, 504 and other codes
 * of gateways, which may have passed the request on) is ambiguous.
 */
export function classify(status: number, message: string): ErrorKind {
  const row = classification.find((verdict) => verdict.status(status) && (verdict.says?.test(message) ?? true));
  return row?.trouble ?? 'ambiguous';
}
