/** Answers to an accepted submission with the task id in an undocumented place, by value of the marker `id`. */
export const undocumentedIds: Readonly<Record<string, (id: string) => string>> = {
  task_id: (id) => JSON.stringify({ code: 200, message: 'success', data: { task_id: id } }),
  plain: (id) => JSON.stringify({ code: 200, message: 'success', data: id }),
  nested: (id) => JSON.stringify({ code: 200, message: 'success', data: { task: { taskId: id } } }),
  list: (id) => JSON.stringify({ code: 200, message: 'success', data: [{ taskId: id }] }),
  code0: (id) => JSON.stringify({ code: 0, data: { taskId: id } }),
  bare: (id) => JSON.stringify({ taskId: id }),
  none: () => JSON.stringify({ code: 200, message: 'success', data: {} }),
};

/** The data of a successful task. */
export interface SuccessData {
  taskId: string;
  state: string;
  resultJson: string;
}

/** Undocumented forms of the answer about a successful task, by value of the marker `success`. */
export const undocumentedSuccesses: Readonly<Record<string, (data: SuccessData, urls: readonly string[]) => object>> = {
  capitals: (data) => ({ ...data, state: 'SUCCESS' }),
  completed: (data) => ({ ...data, state: 'completed' }),
  object: (data, urls) => ({ ...data, resultJson: { resultUrls: urls } }),
  array: (data, urls) => ({ ...data, resultJson: urls }),
  url: (data, [first]) => ({ ...data, resultJson: first }),
  top: ({ taskId, state }, urls) => ({ taskId, state, resultUrls: urls }),
  videos: ({ taskId, state }, urls) => ({ taskId, state, videos: urls.map((url) => ({ url, cover: `${url}.jpg` })) }),
  null: (data) => ({ ...data, state: null, resultJson: null }),
  other: (data) => ({ ...data, taskId: 'task_of_another_account' }),
};

const idForms = Object.keys(undocumentedIds).join('|');
const successForms = Object.keys(undocumentedSuccesses).join('|');

/**
 * The faults that a marker in a prompt triggers: `a fox [fail:GENERATION_FAILED x2] in snow`. With ` x2`, a marker
 * fires the first two times for that exact prompt; without a count, it always fires. Markers may be combined. Any other
 * text in brackets is part of the prompt.
 */
export const markerTable = {
  fail: { form: '[fail:CODE]', value: /^\w+$/, about: 'the task ends failed with failCode CODE' },
  slow: { form: '[slow:N]', value: /^\d+(\.\d+)?$/, about: 'generation takes N times as long' },
  never: { form: '[never]', value: null, about: 'the task never ends' },
  'no-url': { form: '[no-url]', value: null, about: 'success with an empty list of URLs' },
  urls: { form: '[urls:N]', value: /^[1-9]$/, about: 'success with N URLs, 1 to 9' },
  http: { form: '[http:503]', value: /^[45]\d\d$/, about: 'POST: that HTTP status, no task is made' },
  code: {
    form: '[code:429]',
    value: /^[45]\d\d$/,
    about: 'POST: HTTP 200 with that code in the body, no task is made',
  },
  reset: { form: '[reset]', value: null, about: 'POST: connection reset, no task is made' },
  lost: { form: '[lost]', value: null, about: 'POST: the task is made, then the connection is reset' },
  hang: { form: '[hang]', value: null, about: 'POST: the task is made, the answer is never sent' },
  gateway: { form: '[gateway:502]', value: /^5\d\d$/, about: 'POST: the task is made, that status with an HTML page' },
  garbage: { form: '[garbage]', value: null, about: 'POST: the task is made, 200 with a body that is not JSON' },
  id: {
    form: `[id:plain], [id:${idForms}]`,
    value: new RegExp(`^(${idForms})$`),
    about: 'POST: the task is made, and its id is in another place of the answer, or missing',
  },
  success: {
    form: `[success:array], [success:${successForms}]`,
    value: new RegExp(`^(${successForms})$`),
    about: 'GET statusTask: a success in another form, or an answer without the state',
  },
  file: {
    form: '[file:404], [file:html|short|stall|slow|chunked|redirect]',
    value: /^([45]\d\d|html|short|stall|slow|chunked|redirect)$/,
    about:
      'GET of the clip: that status; an HTML page with 200; half of the bytes, then close or stall; all in slow ' +
      'pieces; no Content-Length; a redirect',
  },
} as const satisfies Record<string, { form: string; value: RegExp | null; about: string }>;

export type MarkerKind = keyof typeof markerTable;

export interface Marker {
  readonly kind: MarkerKind;
  /** The text after the colon, or empty. */
  readonly value: string;
  /** How often it fires for one prompt; Infinity without a count. */
  readonly times: number;
}

const pattern = /\[([a-z-]+)(?::([\w.]+))?(?: x(\d{1,6}))?\]/g;
const none: readonly Marker[] = [];

export function parseMarkers(prompt: string): readonly Marker[] {
  if (!prompt.includes('[')) return none;
  const markers: Marker[] = [];
  for (const [, kind = '', value = '', times] of prompt.matchAll(pattern)) {
    if (!isKind(kind)) continue;
    const expected = markerTable[kind].value;
    if (expected === null ? value !== '' : !expected.test(value)) continue;
    markers.push({ kind, value, times: times === undefined ? Infinity : Number(times) });
  }
  return markers.length > 0 ? markers : none;
}

function isKind(name: string): name is MarkerKind {
  return Object.hasOwn(markerTable, name);
}
