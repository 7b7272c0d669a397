/** Undocumented places of the task id in the answer to an accepted submission, by the name of a marker. */
export const oddIds: Readonly<Record<string, (id: string) => string>> = {
  task_id: (id) => JSON.stringify({ code: 200, message: 'success', data: { task_id: id } }),
  plain: (id) => JSON.stringify({ code: 200, message: 'success', data: id }),
  nested: (id) => JSON.stringify({ code: 200, message: 'success', data: { task: { taskId: id } } }),
  list: (id) => JSON.stringify({ code: 200, message: 'success', data: [{ taskId: id }] }),
  code0: (id) => JSON.stringify({ code: 0, data: { taskId: id } }),
  bare: (id) => JSON.stringify({ taskId: id }),
  none: () => JSON.stringify({ code: 200, message: 'success', data: {} }),
};

/** The data of a task that has ended as a success. */
export interface SuccessData {
  taskId: string;
  state: string;
  resultJson: string;
}

/** Undocumented forms of an answer about a success, by the name of a marker. */
export const oddSuccesses: Readonly<Record<string, (data: SuccessData, urls: readonly string[]) => object>> = {
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
