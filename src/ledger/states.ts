/** The states of an item, in the order of a clip's life. */
export const itemStates = [
  'queued',
  'submitting',
  'generating',
  'downloading',
  'done',
  'failed',
  'held',
  'cancelled',
] as const;
export type ItemState = (typeof itemStates)[number];

/** States an item stays in until the user asks for more. */
export const endStates: ReadonlySet<ItemState> = new Set(['done', 'failed', 'held', 'cancelled']);

/**
 * Why an item is held or failed where the API gave no code of its own: a fixed vocabulary, beside
 * the API's failCodes and `HTTP_…`.
 */
export const reasons = {
  ANSWER_TIMEOUT: 'the submission was sent and no answer came in time',
  CONNECTION_LOST: 'the connection broke after the submission was sent',
  UNREADABLE_ANSWER: 'the submission was answered with something that is not an answer of the API',
  PROCESS_DIED: 'the worker ended between sending the submission and recording the answer',
  TASK_TIMEOUT: 'the task had no end within CLIPMILL_TASK_TIMEOUT',
  NO_RESULT_URL: 'the task succeeded, and no answer named its clip',
  ANSWER_NOT_UNDERSTOOD: 'the API answered about the task in a way that clipmill does not understand',
  TASK_UNKNOWN: 'the API does not know the task any more',
  BUDGET: 'max_clips of the batch is spent',
  RESULT_REFUSED: 'the clip was made, but its URL leads where no clip is fetched from',
  RESULT_GONE: 'the clip was made, but its URL has expired and no new one is given',
} as const;
export type Reason = keyof typeof reasons;
