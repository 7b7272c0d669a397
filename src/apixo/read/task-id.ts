import { wholeCharacters } from '../../core/text.ts';
import { unwrapJson } from './json.ts';
import { fieldOf, isFields, recordsOf, type Fields } from './json-fields.ts';

const MAX_ID = 512;

/** Names that mean a task's id and nothing else, normalized. */
const taskIdNames = ['taskid', 'taskuuid', 'jobid', 'generationid'] as const;
const emptyWords: ReadonlySet<string> = new Set(['null', 'undefined', 'none', 'nan', 'false', 'true', '0']);

/**
 * Returns the id of the task from the answer to a submission.
 *
 * The documented place is `data.taskId`. Read as well: other spellings (`task_id`, `jobId`), numbers, an id
 * nested deeper or in a list, and, where the answer is a success, a plain `id` in `data` or `data` itself.
 * @param succeeded whether the answer is a success: an error may carry other ids, such as that of its trace
 */
export function findTaskId(body: unknown, succeeded: boolean): string | undefined {
  for (const { fields } of recordsOf(body)) {
    const id = taskIdOf(fields);
    if (id !== undefined) return id;
  }
  return succeeded ? findPlainId(body) : undefined;
}

/** Returns whether the id is in the documented place and form. */
export function isDocumentedId(body: unknown, id: string): boolean {
  return isFields(body) && isFields(body['data']) && body['data']['taskId'] === id;
}

/** Returns the id of a task from an object that has one under a name of task ids. */
export function taskIdOf(fields: Fields): string | undefined {
  return readId(fieldOf(fields, taskIdNames));
}

/** Returns an id of any sort: text without blanks, or a positive integer. */
export function readId(value: unknown): string | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value > 0 ? String(value) : undefined;
  if (typeof value !== 'string') return undefined;
  const id = wholeCharacters(value.trim());
  // eslint-disable-next-line no-control-regex
  if (id === '' || id.length > MAX_ID || /[\s\u0000-\u001f\u007f]/.test(id)) return undefined;
  return emptyWords.has(id.toLowerCase()) ? undefined : id;
}

/** Returns the `id` of `data`, or `data` itself if it is an id. */
function findPlainId(body: unknown): string | undefined {
  const data = isFields(body) && 'data' in body ? unwrapJson(body['data']) : body;
  const only: unknown = Array.isArray(data) && data.length === 1 ? data[0] : data;
  if (!isFields(only)) return readBareId(only);
  const id = readId(fieldOf(only, ['id', 'uuid']));
  if (id !== undefined) return id;
  const task = fieldOf(only, ['task', 'job', 'result', 'data']);
  return isFields(task) ? readId(fieldOf(task, ['id', 'uuid'])) : readBareId(task);
}

/** Reads an id that no field name confirms: words such as "submitted" are none. */
function readBareId(value: unknown): string | undefined {
  const id = readId(value);
  return id !== undefined && (/\d/.test(id) || id.length >= 16) && !id.includes('://') ? id : undefined;
}
