import type { ErrorKind } from './errors.ts';

/** What a submission does after an error. */
export type SubmitAction =
  /** The POST may have been accepted: the item is held (or posted again, if the user chose so), and the account cools down. */
  | 'hold'
  /** The account takes no submissions: halt it, and requeue the item without counting a refusal. */
  | 'halt'
  /** The API will never accept this input: the item fails. */
  | 'reject'
  /** Too many requests: every request of the account waits. */
  | 'slow-down'
  /** Too many tasks in flight: submissions wait, and the ceiling of tasks goes down. */
  | 'fewer-tasks'
  /** A passing condition: requeue the item with a backoff. */
  | 'retry';

/** What a poll does after an error. No error of a poll ends a task: it may still run, and it is paid for. */
export type PollAction =
  /** Too many requests: every request of the account waits. */
  | 'slow-down'
  /** The account takes no requests: halt it, and poll again when the key may have changed. */
  | 'halt'
  /** The API does not know the task: held once the task is old enough to be known everywhere. */
  | 'task-unknown'
  /** An answer that will not change by itself: poll again until the task timeout, then hold. */
  | 'retry-until-timeout'
  /** No answer: poll again for as long as it takes. */
  | 'retry';

/** What an error means when the balance was asked for, which costs nothing. */
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

/** What to do about an error: one row a kind, one column a request. */
export const errorPolicy = {
  'rate-limited': { submit: 'slow-down', poll: 'slow-down', balance: 'busy' },
  'too-many-tasks': { submit: 'fewer-tasks', poll: 'slow-down', balance: 'busy' },
  'bad-key': { submit: 'halt', poll: 'halt', balance: 'key-refused' },
  'no-credit': { submit: 'halt', poll: 'retry-until-timeout', balance: 'no-credit' },
  'wrong-endpoint': { submit: 'halt', poll: 'retry-until-timeout', balance: 'not-offered' },
  rejected: { submit: 'reject', poll: 'retry-until-timeout', balance: 'not-offered' },
  content: { submit: 'reject', poll: 'retry-until-timeout', balance: 'not-offered' },
  'unknown-task': { submit: 'reject', poll: 'task-unknown', balance: 'not-offered' },
  unavailable: { submit: 'retry', poll: 'retry', balance: 'unavailable' },
  unreachable: { submit: 'retry', poll: 'retry', balance: 'no-answer' },
  ambiguous: { submit: 'hold', poll: 'retry', balance: 'no-answer' },
} as const satisfies Record<ErrorKind, Row>;

/** Kinds of error at which this step halts the account. */
export type HaltingKind<Step extends 'submit' | 'poll'> = {
  [Kind in ErrorKind]: (typeof errorPolicy)[Kind][Step] extends 'halt' ? Kind : never;
}[ErrorKind];

export function haltsAccount<Step extends 'submit' | 'poll'>(step: Step, kind: ErrorKind): kind is HaltingKind<Step> {
  return errorPolicy[kind][step] === 'halt';
}

/** What follows a task that ended as failed. */
export type FailedTaskAction =
  /** The same input fails again: the item fails. */
  | 'fail'
  /** Chance decides (an output filter): one more task, whatever CLIPMILL_MAX_ATTEMPTS allows. */
  | 'retry-once'
  /** A passing condition of the provider: as many tasks as CLIPMILL_MAX_ATTEMPTS allows. */
  | 'retry'
  /** The account cannot pay: halt it, and requeue the item. */
  | 'halt';

/** failCodes as patterns, without case; the first match decides. Sources: the provider's public pages and clients. */
const failedTasks: readonly [RegExp, FailedTaskAction][] = [
  [/insufficient_?(credits?|balance|funds)/i, 'halt'],
  [/input_?output_?sensitive/i, 'retry-once'],
  [/content_?violation|nsfw|sensitive_?content|prohibited_?content/i, 'fail'],
  [/prompt_?(too_?long|length_?exceeded)|invalid_?prompt/i, 'fail'],
  [/invalid_?image|image_?too_?large|unsupported_?format/i, 'fail'],
  [/timeout|model_?unavailable|generation_?failed|image_?download_?failed/i, 'retry'],
];

/** Returns what to do about a failed task; a failCode that matches no row is retried. */
export function failedTaskAction(failCode: string): FailedTaskAction {
  return failedTasks.find(([pattern]) => pattern.test(failCode))?.[1] ?? 'retry';
}
