import { reportsContentPolicy, reportsNoCredit, type ErrorKind } from './errors.ts';

/** Actions of a submission after an error. */
export type SubmitAction =
  /** The POST may have been accepted: hold the item (or post it again, if the user chose so), and start a cooldown. */
  | 'hold'
  /** The account accepts no submissions: halt it, and requeue the item without counting a refusal. */
  | 'halt'
  /** The API will never accept this input: the item fails. */
  | 'reject'
  /** Too many requests: every request of the account waits. */
  | 'slow-down'
  /** Too many tasks in flight: submissions wait, and the ceiling of tasks goes down. */
  | 'fewer-tasks'
  /**
   * The API failed, and may have created a task. The balance decides: not billed, requeue the item; billed, hold it.
   * Where the balance decides nothing, the answer counts as a possible task, and after CLIPMILL_MAX_ATTEMPTS of them
   * the item is held.
   */
  | 'check-balance'
  /** A passing condition: requeue the item with a backoff. */
  | 'retry';

/** Actions of a poll after an error. No error of a poll ends a task: it may still run, and it is paid for. */
export type PollAction =
  /** Too many requests: every request of the account waits. */
  | 'slow-down'
  /** The account accepts no requests: halt it, and poll again when the key may have changed. */
  | 'halt'
  /** The API does not know the task: unless it is young, as for `not-understood`. */
  | 'task-unknown'
  /** A successful answer without the state of the task: poll again for a while, then hold. */
  | 'not-understood'
  /** An error that leaves the state of the task open: poll again until the task timeout, then hold. */
  | 'retry-until-timeout'
  /** Nothing was sent: poll again for as long as it takes. */
  | 'retry';

/** The meaning of an error of a balance request, which costs nothing. */
export type BalanceAction =
  /** The key is refused. */
  | 'key-refused'
  /** The key is accepted and the account is empty. */
  | 'no-credit'
  /** This API does not offer the balance: nothing is known about the key. */
  | 'not-offered'
  /** Too many requests. */
  | 'busy'
  /** The API is down. */
  | 'unavailable'
  /** No answer, or none that can be read. */
  | 'no-answer';

interface Row {
  submit: SubmitAction;
  poll: PollAction;
  balance: BalanceAction;
}

/** The policy for errors: one row per kind, one column per request. */
export const errorPolicy = {
  'rate-limited': { submit: 'slow-down', poll: 'slow-down', balance: 'busy' },
  'too-many-tasks': { submit: 'fewer-tasks', poll: 'slow-down', balance: 'busy' },
  'bad-key': { submit: 'halt', poll: 'halt', balance: 'key-refused' },
  'no-credit': { submit: 'halt', poll: 'retry-until-timeout', balance: 'no-credit' },
  'wrong-endpoint': { submit: 'halt', poll: 'retry-until-timeout', balance: 'not-offered' },
  rejected: { submit: 'reject', poll: 'retry-until-timeout', balance: 'not-offered' },
  content: { submit: 'reject', poll: 'retry-until-timeout', balance: 'not-offered' },
  'unknown-task': { submit: 'reject', poll: 'task-unknown', balance: 'not-offered' },
  'network-refused': { submit: 'halt', poll: 'retry-until-timeout', balance: 'no-answer' },
  unavailable: { submit: 'retry', poll: 'retry-until-timeout', balance: 'unavailable' },
  'server-error': { submit: 'check-balance', poll: 'retry-until-timeout', balance: 'unavailable' },
  unreachable: { submit: 'retry', poll: 'retry', balance: 'no-answer' },
  ambiguous: { submit: 'hold', poll: 'retry-until-timeout', balance: 'no-answer' },
  'not-understood': { submit: 'hold', poll: 'not-understood', balance: 'not-offered' },
} as const satisfies Record<ErrorKind, Row>;

/** The kinds of error for which this step halts the account. */
export type HaltingKind<Step extends 'submit' | 'poll'> = {
  [Kind in ErrorKind]: (typeof errorPolicy)[Kind][Step] extends 'halt' ? Kind : never;
}[ErrorKind];

/** Returns whether this step halts the account after an error of this kind. */
export function haltsAccount<Step extends 'submit' | 'poll'>(step: Step, kind: ErrorKind): kind is HaltingKind<Step> {
  return errorPolicy[kind][step] === 'halt';
}

/** Actions after a failed task. */
export type FailedTaskAction =
  /** The same input fails again: the item fails. */
  | 'fail'
  /** The result varies (an output filter): one more task, even beyond CLIPMILL_MAX_ATTEMPTS. */
  | 'retry-once'
  /** A passing condition of the provider: as many tasks as CLIPMILL_MAX_ATTEMPTS allows. */
  | 'retry'
  /** The account cannot pay: halt it, and requeue the item. */
  | 'halt';

/** failCodes as patterns, without case; the first match decides. Sources: the provider's public pages and clients. */
const failedTasks: readonly [RegExp, FailedTaskAction][] = [
  [/insufficient_?(credits?|balance|funds|quota)/i, 'halt'],
  [/input_?output_?sensitive/i, 'retry-once'],
  [/timeout|time_?out|unavailable|overload|image_?download_?failed|internal|busy|rate_?limit/i, 'retry'],
  [
    /violat|nsfw|sensitive|prohibit|moderat|polic(y|ies)|safety|unsafe|inappropriate|forbidden_?content|risk_?control/i,
    'fail',
  ],
  [
    /content_?(block|reject|flag|filter|refus|restrict|forbid)|(prompt|input)_?(block|reject|flag|refus)|copyright/i,
    'fail',
  ],
  [/prompt_?(is_?)?(too_?long|length|empty)|invalid_?(prompt|image|input|param|argument|aspect|duration)/i, 'fail'],
  [/image_?(too_?(large|small|big)|format|size)|unsupported_?(format|image|media)/i, 'fail'],
];

/** Codes that give no reason: the message decides. */
const empty = /^(unknown|error|failed|failure|fail|null|undefined|\d*|generation_?failed|task_?failed)$/i;

/**
 * Returns the action after a failed task: by its failCode, or by its message where the code gives no reason. The
 * default is `retry`.
 */
export function failedTaskAction(failCode: string, failMsg = ''): FailedTaskAction {
  const row = failedTasks.find(([pattern]) => pattern.test(failCode));
  if (row && !empty.test(failCode)) return row[1];
  if (reportsNoCredit(failMsg)) return 'halt';
  if (reportsContentPolicy(failMsg)) return 'fail';
  return 'retry';
}

/** failCodes from the provider's pages and clients; there may be others. */
export const documentedFailCodes = [
  'CONTENT_VIOLATION',
  'NSFW',
  'NSFW_DETECTED',
  'SensitiveContent',
  'SensitiveContentDetected',
  'InputImageSensitiveContentDetected',
  'InputOutputSensitiveContentDetected',
  'ProhibitedContentDetected',
  'PROMPT_TOO_LONG',
  'PromptLengthExceeded',
  'INVALID_PROMPT',
  'INVALID_IMAGE_URL',
  'IMAGE_TOO_LARGE',
  'UNSUPPORTED_FORMAT',
  'PROCESSING_TIMEOUT',
  'MODEL_UNAVAILABLE',
  'GENERATION_FAILED',
  'IMAGE_DOWNLOAD_FAILED',
  'INSUFFICIENT_CREDITS',
] as const;
