import { oddIds } from './odd-answers.ts';
import { readRequest } from './request-body.ts';
import { replies, type Reply } from './reply.ts';
import type { PromptHistory } from './task.ts';
import type { SimulatorContext } from './context.ts';

type Deps = Pick<SimulatorContext, 'settings' | 'faults' | 'dice' | 'account' | 'prompts' | 'tasks' | 'recorder'>;

/** POST /api/v1/generateTask/kling-2-6, once the request was let in and its body is here. */
export function generateTask(world: Deps, text: string): Reply {
  const { settings, faults, account, prompts, tasks, recorder, dice } = world;
  const request = readRequest(text);
  if (typeof request === 'string') {
    recorder.refused.invalid++;
    return replies.error(400, request);
  }
  const history = prompts.of(request.input.prompt);
  const refusal = refuseOnPurpose(world, history);
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
  const odd = oddIds[dice.marker(history, 'id')?.value ?? ''];
  if (odd) return replies.ok(odd(task.id));
  return loseOnPurpose(world, history) ?? replies.ok(`{"code":200,"message":"success","data":{"taskId":"${task.id}"}}`);
}

/** Faults that make no task. */
function refuseOnPurpose({ dice }: Deps, history: PromptHistory): Reply | undefined {
  const marker = dice.marker(history, 'http') ?? dice.marker(history, 'code') ?? dice.marker(history, 'reset');
  if (marker) {
    if (marker.kind === 'reset') return replies.reset();
    return replies.error(Number(marker.value), undefined, marker.kind === 'code' ? 200 : undefined);
  }
  if (dice.strikes('create500')) return replies.error(500);
  if (dice.strikes('create503')) return replies.error(503);
  if (dice.strikes('createReset')) return replies.reset();
  return undefined;
}

/** Faults after which there is a task that the client may not know of. */
function loseOnPurpose({ dice }: Deps, history: PromptHistory): Reply | undefined {
  const marker =
    dice.marker(history, 'lost') ??
    dice.marker(history, 'hang') ??
    dice.marker(history, 'gateway') ??
    dice.marker(history, 'garbage');
  if (marker) {
    if (marker.kind === 'lost') return replies.reset();
    if (marker.kind === 'hang') return replies.hang();
    return marker.kind === 'gateway' ? replies.gateway(Number(marker.value)) : replies.garbage();
  }
  if (dice.strikes('createLost')) return replies.reset();
  if (dice.strikes('createHang')) return replies.hang();
  return undefined;
}
