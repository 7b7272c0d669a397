import { z } from 'zod';
import { oddSuccesses } from './odd-answers.ts';
import { queryOf } from './request.ts';
import { replies, type Reply } from './reply.ts';
import { statusBody } from './status-body.ts';
import type { SimulatorContext } from './context.ts';

type Deps = Pick<SimulatorContext, 'timeline' | 'unixBase' | 'urls' | 'dice' | 'tasks' | 'recorder'>;

/** GET /api/v1/statusTask/kling-2-6?taskId=… */
export function statusTask(world: Deps, url: string): Reply {
  const { dice, tasks, recorder, timeline } = world;
  if (dice.strikes('status500')) return replies.error(500);
  if (dice.strikes('statusReset')) return replies.reset();
  if (dice.strikes('statusGarbage')) return replies.garbage();
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
  const body = statusBody(world, task);
  const marker = task.ended && task.failCode === undefined ? dice.marker(task.history, 'success') : undefined;
  return replies.ok(marker ? tellOddly(body, marker.value) : body);
}

const documented = z.object({
  data: z.looseObject({ taskId: z.string(), state: z.string(), resultJson: z.string() }),
});
const result = z.object({ resultUrls: z.array(z.string()) });

/** The answer about a success, as a marker of the prompt wants it. */
function tellOddly(body: string, how: string): string {
  const { data } = documented.parse(JSON.parse(body));
  const { resultUrls } = result.parse(JSON.parse(data.resultJson));
  return JSON.stringify({ code: 200, message: 'success', data: oddSuccesses[how]?.(data, resultUrls) });
}
