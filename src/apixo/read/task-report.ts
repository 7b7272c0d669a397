import { cleanText } from '../../core/text.ts';
import { documentedUrls, findResultUrls } from './result-urls.ts';
import { fieldOf, isFields, normalize, recordsOf, type Fields } from './json-fields.ts';
import { readId, taskIdOf } from './task-id.ts';

/** The state of a task in a status answer. Times are Unix milliseconds of the API's clock. */
export type TaskReport =
  /** `known: false`: a state that is not in the lists below; the task may still be running. */
  | { state: 'running'; reported: string; known: boolean }
  | { state: 'success'; urls: string[]; generationMs: number | undefined; completedAt?: number | undefined }
  | { state: 'failed'; failCode: string; failMsg: string }
  /** The answer leaves the state of the task open; `raw` is the answer. */
  | { state: 'unclear'; why: UnclearReason; raw: string };

export type UnclearReason =
  /** A success without the URL of a clip, which may come later. */
  | 'no-url'
  /** An answer without the state of a task. */
  | 'no-state'
  /** The state of another task. */
  | 'other-task';

/** Maximum lengths of a task's message, code and state, in characters. */
const MAX_MESSAGE = 500;
const MAX_CODE = 64;

const stateNames = ['state', 'taskstate', 'status', 'taskstatus', 'phase', 'jobstatus'] as const;

const completedNames = ['completetime', 'completedat', 'finishtime', 'endtime', 'updatetime'] as const;

const resultNames = ['resultjson', 'resulturls', 'failcode'] as const;
const documentedStates: ReadonlySet<string> = new Set(['pending', 'processing', 'success', 'failed']);

/** Normalized words for each state. */
const words = {
  success: wordSet('success succeed succeeded successful complete completed finish finished done ready generated'),
  failed: wordSet(
    'failed fail failure error errored cancelled canceled rejected aborted refused timeout timedout expired ' +
      'terminated blocked moderated nsfw',
  ),
  running: wordSet(
    'pending processing queued queueing queuing queue inqueue waiting wait running inprogress progress started ' +
      'starting submitted created generating rendering new preparing scheduled accepted initializing init ' +
      'initialized retrying working active uploading postprocessing notstarted delayed throttled received executing',
  ),
};

function wordSet(text: string): ReadonlySet<string> {
  return new Set(text.split(' '));
}

/** A report, and how the answer deviates from the documentation. */
export interface ReadReport {
  report: TaskReport;
  lenient: string[];
}

/**
 * Reads a status answer. Only an unmistakable end counts as an end: an answer that is not understood is `unclear`,
 * never `failed`, because a failed task is followed by another one, which costs money.
 * @param redact removes secrets from the texts that are kept
 */
export function readTaskReport(body: unknown, taskId: string, redact: (text: string) => string): ReadReport {
  const unclear = (why: UnclearReason): ReadReport => ({
    report: { state: 'unclear', why, raw: cleanText(JSON.stringify(body) ?? '', MAX_MESSAGE, redact) },
    lenient: [],
  });
  const found = findTask(body, taskId);
  if (found === 'other-task') return unclear('other-task');
  if (!found) return unclear('no-state');
  const { fields, envelope } = found;
  const stated = fieldOf(fields, stateNames);
  const text = typeof stated === 'string' ? stated : '';
  const kind = stateKind(text);
  const lenient = [
    ...(isFields(body) && fields === body['data'] ? [] : ['data']),
    ...(fields['state'] === text && documentedStates.has(text) ? [] : ['state']),
  ];
  if (kind === 'failed') {
    return envelope ? unclear('no-state') : { report: readFailure(fields, redact), lenient };
  }
  if (kind === 'running') return { report: { state: 'running', reported: text, known: true }, lenient };
  const exact = documentedUrls(fields);
  const urls = exact ?? findResultUrls(fields);
  if (urls.length > 0) {
    const report = {
      state: 'success' as const,
      urls,
      generationMs: readTime(fields),
      completedAt: timeOf(fieldOf(fields, completedNames)),
    };
    return { report, lenient: exact ? lenient : [...lenient, 'result'] };
  }
  if (kind === 'success') return unclear('no-url');
  if (text.trim() === '') return unclear('no-state');
  return { report: { state: 'running', reported: cleanText(text, MAX_CODE, redact), known: false }, lenient: [] };
}

interface FoundTask {
  fields: Fields;
  /** The state may be that of the request: its failure need not be one of the task. */
  envelope: boolean;
}

/** Finds the object about this task: the one with its id, or else the first one with a state or a result. */
function findTask(body: unknown, taskId: string): FoundTask | 'other-task' | undefined {
  let unnamed: FoundTask | undefined;
  let outer: FoundTask | undefined;
  let namesAnother = false;
  let namesThis = false;
  for (const { fields, path } of recordsOf(body)) {
    const id = taskIdOf(fields) ?? (path.at(-1) === 'data' ? readId(fields['id']) : undefined);
    const hasState = typeof fieldOf(fields, stateNames) === 'string' || fieldOf(fields, resultNames) !== undefined;
    if (id === taskId) namesThis = true;
    else if (id !== undefined) namesAnother = true;
    if (!hasState || (id !== undefined && id !== taskId)) continue;
    if (id === taskId) return { fields, envelope: false };
    const isEnvelope = path.length === 0 && fieldOf(fields, [...resultNames, 'state']) === undefined;
    if (isEnvelope) outer ??= { fields, envelope: true };
    else unnamed ??= { fields, envelope: false };
  }
  return namesAnother && !namesThis ? 'other-task' : (unnamed ?? outer);
}

function stateKind(text: string): keyof typeof words | undefined {
  const word = normalize(text);
  if (words.success.has(word)) return 'success';
  if (words.failed.has(word)) return 'failed';
  return words.running.has(word) ? 'running' : undefined;
}

function readFailure(data: Fields, redact: (text: string) => string): TaskReport {
  const error = fieldOf(data, ['error', 'failure']);
  const nested = isFields(error) ? error : {};
  const code = fieldOf(data, ['failcode', 'errorcode', 'errcode', 'code']) ?? fieldOf(nested, ['code', 'type']);
  const message =
    fieldOf(data, ['failmsg', 'failmessage', 'failreason', 'errormessage', 'errormsg', 'reason', 'message', 'msg']) ??
    (isFields(error) ? fieldOf(nested, ['message', 'msg', 'detail']) : error);
  return {
    state: 'failed',
    failCode: textOf(code, MAX_CODE, redact) || 'UNKNOWN',
    failMsg: textOf(message, MAX_MESSAGE, redact),
  };
}

function textOf(value: unknown, maxLength: number, redact: (text: string) => string): string {
  if (typeof value === 'string') return cleanText(value, maxLength, redact);
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return value === undefined ? '' : cleanText(JSON.stringify(value), maxLength, redact);
}

/** Longest plausible time of a task, a day; a longer one is an error of the API and ignored. */
const MAX_GENERATION_MS = 86_400_000;

function readTime(data: Fields): number | undefined {
  const created = timeOf(fieldOf(data, ['createtime', 'createdat', 'createat', 'starttime']));
  const completed = timeOf(fieldOf(data, completedNames));
  if (created === undefined || completed === undefined) return undefined;
  const ms = completed - created;
  return ms > 0 && ms <= MAX_GENERATION_MS ? ms : undefined;
}

/** Returns the Unix milliseconds of a time: a number or text of milliseconds or of seconds, or an ISO date. */
function timeOf(value: unknown): number | undefined {
  const number = typeof value === 'number' ? value : typeof value === 'string' && value !== '' ? Number(value) : NaN;
  const ms = Number.isNaN(number) && typeof value === 'string' ? Date.parse(value) : number;
  if (!Number.isFinite(ms) || ms <= 0 || ms > 1e14) return undefined;
  return ms < 1e11 ? ms * 1000 : ms;
}

/** Returns whether an answer has both the id of this task and its state. */
export function namesTask(body: unknown, taskId: string): boolean {
  for (const { fields } of recordsOf(body)) {
    if (taskIdOf(fields) === taskId && fieldOf(fields, stateNames) !== undefined) return true;
  }
  return false;
}
