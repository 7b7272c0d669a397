/**
 * Reason codes of clipmill itself for items that failed or are held, with their messages. Other codes are the
 * API's `failCode` and `HTTP_` with a status.
 */
export const reasons = {
  ANSWER_TIMEOUT: 'the submission was sent, but no answer came in time',
  CONNECTION_LOST: 'the connection broke after the submission was sent',
  UNREADABLE_ANSWER: 'the answer to the submission cannot be read',
  PROCESS_DIED: 'the worker ended between sending the submission and recording the answer',
  LEDGER_LOST: 'the state was lost between sending the submission and recording the answer',
  ORPHANED: 'the task was paid for, but the item already had another one',
  TASK_TIMEOUT: 'the task did not end within CLIPMILL_TASK_TIMEOUT',
  NO_RESULT_URL: 'the task succeeded, but no answer had the URL of its clip',
  ANSWER_NOT_UNDERSTOOD: 'clipmill does not understand the answers of the API about the task',
  TASK_UNKNOWN: 'the API does not know the task any more',
  BUDGET: 'max_clips of the batch is spent',
  RESULT_REFUSED: 'the clip was made, but its URL has an address that is not allowed',
  RESULT_NOT_A_CLIP: 'the result of the task is no MP4 clip',
  RESULT_TOO_LARGE: 'the clip is larger than CLIPMILL_MAX_CLIP_BYTES',
  RESULT_TOO_SLOW: 'the clip arrives too slowly to be stored',
  RESULT_GONE: 'the clip was made, but its URL has expired and the API gives no new one',
} as const;

export type Reason = keyof typeof reasons;
