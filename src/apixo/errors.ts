/**
 * The kinds of error that a request can end in. `policy.ts` has what each step does about each.
 *
 * - `rate-limited`: more requests than the limit allows.
 * - `too-many-tasks`: more tasks in flight than the account allows.
 * - `bad-key`: the API key is refused.
 * - `no-credit`: the account cannot pay.
 * - `wrong-endpoint`: no such model, or no API of this kind at the base URL.
 * - `rejected`: the request is invalid.
 * - `content`: the content policy forbids it.
 * - `unknown-task`: no task has this id.
 * - `unavailable`: the API is overloaded or down and did not carry the request out.
 * - `unreachable`: no connection, so nothing was sent.
 * - `ambiguous`: sent, but without a usable answer: it may have been carried out.
 */
export const errorKinds = [
  'rate-limited',
  'too-many-tasks',
  'bad-key',
  'no-credit',
  'wrong-endpoint',
  'rejected',
  'content',
  'unknown-task',
  'unavailable',
  'unreachable',
  'ambiguous',
] as const;

export type ErrorKind = (typeof errorKinds)[number];

/** A request that got another answer than the one asked for, or none. */
export class ApixoError extends Error {
  override readonly name = 'ApixoError';
  readonly kind: ErrorKind;
  /** A short reason in capitals, such as `HTTP_503` or `ANSWER_TIMEOUT`, for records and counts. */
  readonly code: string;
  /** The API's own wish for a delay (Retry-After), in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(
    kind: ErrorKind,
    code: string,
    message: string,
    options: { retryAfterMs?: number | undefined; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.kind = kind;
    this.code = code;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** Kinds by HTTP status or body code, and by the words of the message where the status alone does not decide. */
const rules: readonly { status: (status: number) => boolean; message?: RegExp; kind: ErrorKind }[] = [
  { status: is(401), kind: 'bad-key' },
  { status: is(402), kind: 'no-credit' },
  { status: is(400, 403), message: /insufficient|credit|balance/i, kind: 'no-credit' },
  { status: is(400, 403), message: /content|polic|safety|sensitive|violat|nsfw|prohibited/i, kind: 'content' },
  { status: is(403), kind: 'bad-key' },
  { status: is(404), message: /task/i, kind: 'unknown-task' },
  { status: is(404, 405), kind: 'wrong-endpoint' },
  { status: is(408, 425, 500, 503), kind: 'unavailable' },
  { status: is(429), message: /concurren|parallel|tasks?\b/i, kind: 'too-many-tasks' },
  { status: is(429), kind: 'rate-limited' },
  { status: (status) => status >= 300 && status < 400, kind: 'wrong-endpoint' },
  { status: (status) => status >= 400 && status < 500, kind: 'rejected' },
];

function is(...statuses: number[]): (status: number) => boolean {
  return (status) => statuses.includes(status);
}

/**
 * Returns the kind of error that a status or body code other than 200 stands for, by the first rule that
 * matches. Anything else (502, 504 and other codes of gateways, which may have forwarded the request) is
 * ambiguous.
 */
export function classify(status: number, message: string): ErrorKind {
  const rule = rules.find((row) => row.status(status) && (row.message?.test(message) ?? true));
  return rule?.kind ?? 'ambiguous';
}
