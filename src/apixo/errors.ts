/**
 * The kinds of error in which a request can end. `error-policy.ts` has the action of each step for each kind.
 *
 * - `rate-limited`: more requests than the limit allows.
 * - `too-many-tasks`: more tasks in flight than the account allows.
 * - `bad-key`: the API key is refused.
 * - `no-credit`: the account cannot pay.
 * - `wrong-endpoint`: no such model, or no API of this kind at the base URL.
 * - `rejected`: the request is invalid.
 * - `content`: the content policy forbids it.
 * - `unknown-task`: no task has this id.
 * - `network-refused`: a proxy, a portal or a firewall on the way refused it.
 * - `unavailable`: the API is overloaded, or its gateway cannot reach it; the request was not executed.
 * - `server-error`: the API failed (500, 503). Most such requests were not executed, but some were.
 * - `unreachable`: no connection, so nothing was sent.
 * - `ambiguous`: sent, but without an answer of the API: the request may have been executed.
 * - `not-understood`: a successful answer without the expected data: the request was most likely executed.
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
  'network-refused',
  'unavailable',
  'server-error',
  'unreachable',
  'ambiguous',
  'not-understood',
] as const;

export type ErrorKind = (typeof errorKinds)[number];

/** A request that got an error as its answer, or no answer. */
export class ApixoError extends Error {
  override readonly name = 'ApixoError';
  readonly kind: ErrorKind;
  /** A short reason in capitals, such as `HTTP_503` or `ANSWER_TIMEOUT`, for records and counts. */
  readonly code: string;
  /** The delay that the API asked for (Retry-After), in milliseconds. */
  readonly retryAfterMs: number | undefined;
  /** Whether only words of the answer decided the kind. It may quote the prompt, so one such answer is no proof. */
  readonly byWords: boolean;

  constructor(
    kind: ErrorKind,
    code: string,
    message: string,
    options: { retryAfterMs?: number | undefined; byWords?: boolean; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.kind = kind;
    this.code = code;
    this.retryAfterMs = options.retryAfterMs;
    this.byWords = options.byWords ?? false;
  }
}

/** Phrases that mean an account without credit, and that a prompt is unlikely to contain. */
const noCredit =
  /insufficient[\s_-]*(account[\s_-]*)?(credits?|balance|funds|quota)|(not enough|out of|run out of|ran out of|exhausted|lack of|low) (\w+ )?(credits?|balance|funds)\b|(credits?|balance|funds) (is |are |has |have )?(been )?(\w+ )?(insufficient|exhausted|depleted|too low|not enough|used up|empty)|余额不足|积分不足/i;
/** Phrases that mean a refusal by the content policy. */
const content =
  /(content|usage|safety|community|moderation)[\s_-]*(polic|guideline|filter|moderat|violat|standard|review|check)|polic(y|ies)[\s_-]*violat|violat|nsfw|sensitive|prohibited|moderation|safety[\s_-]*(guideline|system|reason)|inappropriate|unsafe|explicit content|not allowed content|(content|prompt).{0,20}(block|reject|flag|not allowed|forbid|restrict)/i;

/** Returns whether a text reports that the account cannot pay. Quoted parts, such as the prompt, do not count. */
export function reportsNoCredit(text: string): boolean {
  return noCredit.test(withoutQuotes(text));
}

/** Returns whether a text reports that the content policy forbids the input. Quoted parts do not count. */
export function reportsContentPolicy(text: string): boolean {
  return content.test(withoutQuotes(text));
}

function withoutQuotes(text: string): string {
  return text.replaceAll(/"[^"]*"|“[^”]*”|«[^»]*»|`[^`]*`|(?<=^|[\s:(])'[^']*'(?=$|[\s.,;:)])/g, ' ');
}

interface Rule {
  status: (status: number) => boolean;
  message?: (message: string) => boolean;
  kind: ErrorKind;
}

const isError = (status: number) => status >= 400;

/** Kinds by HTTP status or body code, and by the words of the message where the status alone does not decide. */
const rules: readonly Rule[] = [
  { status: is(401), kind: 'bad-key' },
  { status: is(402), kind: 'no-credit' },
  { status: is(407, 451, 511), kind: 'network-refused' },
  { status: isError, message: reportsNoCredit, kind: 'no-credit' },
  { status: is(429), message: (text) => /concurren|parallel|tasks?\b/i.test(text), kind: 'too-many-tasks' },
  { status: is(429), kind: 'rate-limited' },
  { status: isError, message: reportsContentPolicy, kind: 'content' },
  { status: is(403), kind: 'bad-key' },
  { status: is(404, 410), message: (text) => /task|job/i.test(text), kind: 'unknown-task' },
  { status: is(404, 405, 410), kind: 'wrong-endpoint' },
  // 499: the gateway considered this client disconnected while the API was still processing the request.
  { status: is(499), kind: 'ambiguous' },
  { status: is(408, 425), kind: 'unavailable' },
  // Cloudflare's codes for an origin that it could not reach; with 520, 524 and 527 it had reached the origin.
  { status: is(521, 522, 523, 525, 526, 529, 530), kind: 'unavailable' },
  { status: is(502, 504, 520, 524, 527, 598, 599), kind: 'ambiguous' },
  { status: (status) => status >= 500 && status < 600, kind: 'server-error' },
  { status: (status) => status >= 300 && status < 400, kind: 'wrong-endpoint' },
  { status: (status) => status >= 400 && status < 500, kind: 'rejected' },
];

function is(...statuses: number[]): (status: number) => boolean {
  return (status) => statuses.includes(status);
}

/**
 * Returns the kind of error that a status or body code other than 200 stands for, by the first rule that
 * matches. A code that no rule knows is ambiguous.
 */
export function classify(status: number, message: string): ErrorKind {
  const rule = rules.find((row) => row.status(status) && (row.message?.(message) ?? true));
  return rule?.kind ?? 'ambiguous';
}

/** Returns the kind of error by words alone, for a refusal without a status; `undefined` when they decide nothing. */
export function classifyWords(message: string): ErrorKind | undefined {
  if (reportsNoCredit(message)) return 'no-credit';
  if (reportsContentPolicy(message)) return 'content';
  if (/rate[\s_-]*limit|too many requests/i.test(message)) return 'rate-limited';
  if (/(invalid|missing|wrong|expired)[\s_-]*(api[\s_-]*)?(key|token)|unauthori[sz]ed/i.test(message)) return 'bad-key';
  return undefined;
}
