import { stateOf, type Task } from './task.ts';
import type { SimulatorContext } from './context.ts';

const failMessages: Readonly<Record<string, string>> = {
  CONTENT_VIOLATION: 'Content does not meet safety guidelines',
  INVALID_IMAGE_URL: 'Cannot access provided image URL',
  GENERATION_FAILED: 'Video generation failed',
  PROCESSING_TIMEOUT: 'Processing timed out',
  INSUFFICIENT_CREDITS: 'Insufficient credits',
};

/** The body of a statusTask answer, which is also what a callback carries. */
export function statusBody(world: Pick<SimulatorContext, 'timeline' | 'unixBase' | 'urls'>, task: Task): string {
  if (task.finalBody !== undefined) return task.finalBody;
  const state = stateOf(task, world.timeline.now());
  const createTime = Math.round(world.unixBase + task.createdAt);
  // The frequent answer is put together by hand: a client asks many times before the end.
  if (state === 'pending' || state === 'processing')
    return `{"code":200,"message":"success","data":{"taskId":"${task.id}","state":"${state}","createTime":${createTime}}}`;
  const body = JSON.stringify({
    code: 200,
    message: 'success',
    data: {
      taskId: task.id,
      state,
      ...(task.failCode === undefined ? success(world, task, createTime) : failure(task.failCode)),
    },
  });
  if (state === 'failed' || !world.urls.expire) task.finalBody = body;
  return body;
}

function success(world: Pick<SimulatorContext, 'unixBase' | 'urls'>, task: Task, createTime: number) {
  const resultUrls = Array.from({ length: task.clips }, (_, i) => world.urls.sign(task.id, i + 1));
  const completeTime = Math.round(world.unixBase + task.endsAt);
  return {
    resultJson: JSON.stringify({ resultUrls }),
    createTime,
    completeTime,
    costTime: completeTime - createTime,
  };
}

/** As documented: a failed task tells no times. */
function failure(failCode: string) {
  return { failCode, failMsg: failMessages[failCode] ?? `Generation failed: ${failCode}` };
}
