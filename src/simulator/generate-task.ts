import { undocumentedIds } from './markers.ts';
import { readRequest } from './request-body.ts';
import { replies, type Reply } from './reply.ts';
import type { PromptHistory } from './task.ts';
import type { SimulatorContext } from './context.ts';

type Deps = Pick<SimulatorContext, 'settings' | 'faults' | 'injector' | 'account' | 'prompts' | 'tasks' | 'recorder'>;

/** Answers POST /api/v1/generateTask/kling-2-6, after the checks of `Api`. */
export function generateTask(context: Deps, text: string): Reply {
  const { settings, faults, account, prompts, tasks, recorder, injector } = context;
  const request = readRequest(text);
  if (typeof request === 'string') {
    recorder.refused.invalid++;
    return replies.error(400, request);
  }
  const history = prompts.of(request.input.prompt);
  const refusal = injectRefusal(context, history);
  if (refusal) return refusal;

  const cost = settings.price * (request.input.duration / 5);
  if (faults.noCredit || !account.covers(cost)) {
    recorder.refused.credits++;
    return replies.error(400, 'Insufficient credits');
  }
  if (tasks.inFlight >= settings.maxTasks) {
    recorder.refused.concurrency++;
    return replies.error(429, `Concurrent task limit exceeded: ${settings.maxTasks} tasks. Wait and retry.`);
  }
  account.charge(cost);
  const task = tasks.make(request, history, cost);
  const form = undocumentedIds[injector.marker(history, 'id')?.value ?? ''];
  if (form) return replies.ok(form(task.id));
  return injectLoss(context, history) ?? replies.ok(`{"code":200,"message":"success","data":{"taskId":"${task.id}"}}`);
}

/** Applies faults that make no task. */
function injectRefusal({ injector }: Deps, history: PromptHistory): Reply | undefined {
  const marker =
    injector.marker(history, 'http') ?? injector.marker(history, 'code') ?? injector.marker(history, 'reset');
  if (marker) {
    if (marker.kind === 'reset') return replies.reset();
    return replies.error(Number(marker.value), undefined, marker.kind === 'code' ? 200 : undefined);
  }
  if (injector.fires('create500')) return replies.error(500);
  if (injector.fires('create503')) return replies.error(503);
  if (injector.fires('createReset')) return replies.reset();
  return undefined;
}

/** Applies faults that lose the answer about a task that was made. */
function injectLoss({ injector }: Deps, history: PromptHistory): Reply | undefined {
  const marker =
    injector.marker(history, 'lost') ??
    injector.marker(history, 'hang') ??
    injector.marker(history, 'gateway') ??
    injector.marker(history, 'garbage');
  if (marker) {
    if (marker.kind === 'lost') return replies.reset();
    if (marker.kind === 'hang') return replies.hang();
    return marker.kind === 'gateway' ? replies.gateway(Number(marker.value)) : replies.garbage();
  }
  if (injector.fires('createLost')) return replies.reset();
  if (injector.fires('createHang')) return replies.hang();
  return undefined;
}
