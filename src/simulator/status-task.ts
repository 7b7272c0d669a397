import { z } from 'zod';
import { undocumentedSuccesses } from './markers.ts';
import { queryOf } from './http.ts';
import { replies, type Reply } from './reply.ts';
import { stateOf, type Task } from './task.ts';
import type { SimulatorContext } from './context.ts';

type Deps = Pick<SimulatorContext, 'timeline' | 'unixBase' | 'urls' | 'injector' | 'tasks' | 'recorder'>;

/** Answers GET /api/v1/statusTask/kling-2-6?taskId=… */
export function statusTask(context: Deps, url: string): Reply {
  const { injector, tasks, recorder, timeline } = context;
  if (injector.fires('status500')) return replies.error(500);
  if (injector.fires('statusReset')) return replies.reset();
  if (injector.fires('statusGarbage')) return replies.garbage();
  const id = queryOf(url).get('taskId');
  if (!id) {
    recorder.refused.invalid++;
    return replies.error(400, 'Invalid parameters: taskId: is required');
  }
  const task = tasks.get(id);
  if (!task) {
    recorder.refused.notFound++;
    return replies.error(404, 'Task not found');
  }
  if (task.ended) {
    task.firstSeenEndedAt ??= timeline.now();
    task.firstPolledEndedAt ??= timeline.now();
  }
  const body = statusBody(context, task);
  const marker = task.ended && task.failCode === undefined ? injector.marker(task.history, 'success') : undefined;
  return replies.ok(marker ? undocumentedForm(body, marker.value) : body);
}

const documented = z.object({
  data: z.looseObject({ taskId: z.string(), state: z.string(), resultJson: z.string() }),
});
const result = z.object({ resultUrls: z.array(z.string()) });

/** Returns the answer about a successful task in an undocumented form. */
function undocumentedForm(body: string, form: string): string {
  const { data } = documented.parse(JSON.parse(body));
  const { resultUrls } = result.parse(JSON.parse(data.resultJson));
  return JSON.stringify({ code: 200, message: 'success', data: undocumentedSuccesses[form]?.(data, resultUrls) });
}

const failMessages: Readonly<Record<string, string>> = {
  CONTENT_VIOLATION: 'Content does not meet safety guidelines',
  INVALID_IMAGE_URL: 'Cannot access provided image URL',
  GENERATION_FAILED: 'Video generation failed',
  PROCESSING_TIMEOUT: 'Processing timed out',
  INSUFFICIENT_CREDITS: 'Insufficient credits',
};

/** Returns the body of an answer of statusTask, or of a callback. */
export function statusBody(context: Pick<SimulatorContext, 'timeline' | 'unixBase' | 'urls'>, task: Task): string {
  if (task.finalBody !== undefined) return task.finalBody;
  const state = stateOf(task, context.timeline.now());
  const createTime = Math.round(context.unixBase + task.createdAt);
  // The most frequent answer is formatted by hand, because JSON.stringify costs more.
  if (state === 'pending' || state === 'processing')
    return `{"code":200,"message":"success","data":{"taskId":"${task.id}","state":"${state}","createTime":${createTime}}}`;
  const body = JSON.stringify({
    code: 200,
    message: 'success',
    data: {
      taskId: task.id,
      state,
      ...(task.failCode === undefined ? success(context, task, createTime) : failure(task.failCode)),
    },
  });
  if (state === 'failed' || !context.urls.expire) task.finalBody = body;
  return body;
}

function success(context: Pick<SimulatorContext, 'unixBase' | 'urls'>, task: Task, createTime: number) {
  const resultUrls = Array.from({ length: task.clips }, (_, i) => context.urls.sign(task.id, i + 1));
  const completeTime = Math.round(context.unixBase + task.endsAt);
  return {
    resultJson: JSON.stringify({ resultUrls }),
    createTime,
    completeTime,
    costTime: completeTime - createTime,
  };
}

/** As documented, the answer about a failed task has no times. */
function failure(failCode: string) {
  return { failCode, failMsg: failMessages[failCode] ?? `Generation failed: ${failCode}` };
}
