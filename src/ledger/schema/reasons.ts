/**
 * Reason codes of clipmill itself for items that failed or are held, with their messages. Other codes are the
 * API's `failCode` and `HTTP_` with a status.
 */
export const reasons = {
  ANSWER_TIMEOUT: 'the submission was sent and no answer came in time',
  CONNECTION_LOST: 'the connection broke after the submission was sent',
  UNREADABLE_ANSWER: 'the submission was answered with something that is not an answer of the API',
  PROCESS_DIED: 'the worker ended between sending the submission and recording the answer',
  LEDGER_LOST: 'the state was lost between sending the submission and recording the answer',
  ORPHANED: 'a task that was paid for and arrived when the item had another one already',
  TASK_TIMEOUT: 'the task had no end within CLIPMILL_TASK_TIMEOUT',
  NO_RESULT_URL: 'the task succeeded, and no answer named its clip',
  ANSWER_NOT_UNDERSTOOD: 'the API answered about the task in a way that clipmill does not understand',
  TASK_UNKNOWN: 'the API does not know the task any more',
  BUDGET: 'max_clips of the batch is spent',
  RESULT_REFUSED: 'the clip was made, but its URL leads to an address that clips are not fetched from',
  RESULT_NOT_A_CLIP: 'the task has a result that is no MP4 clip',
  RESULT_TOO_LARGE: 'the clip is larger than CLIPMILL_MAX_CLIP_BYTES',
  RESULT_TOO_SLOW: 'the clip arrives too slowly to be stored',
  RESULT_GONE: 'the clip was made, but its URL has expired and no new one is given',
} as const;

export type Reason = keyof typeof reasons;
