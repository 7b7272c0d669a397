import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { App } from '../app.ts';
import { PROBE_BATCH } from '../callbacks/path.ts';
import type { Attempt } from '../ledger/attempts.ts';
import { namedReply } from '../ledger/scripts.ts';
import { refOf } from '../ledger/schema/keys.ts';
import { kindOf } from '../apixo/task-kind.ts';

/** The effect of a callback: a poll now, a poll of a task whose id was lost, nothing, or doctor's own was recorded. */
export type HintResult = 'wake' | 'taught' | 'late' | 'probe';

/** How long doctor finds its callback, in seconds. */
const PROBE_S = 60;
/** When a poll is under way, its job can be woken once it has ended: after these waits, in milliseconds. */
const WAKE_AGAIN_MS = [500, 2_000, 8_000];

type HintDeps = Pick<App, 'redis' | 'keys' | 'run' | 'queues' | 'model'>;

const hintReply = namedReply(
  z.discriminatedUnion('kind', [
    z.object({ kind: z.enum(['wake', 'taught', 'early', 'late']) }),
    z.object({
      kind: z.literal('describe'),
      input: z.string().transform((text) => z.looseObject({}).parse(JSON.parse(text))),
      provider: z.string(),
    }),
  ]),
);

/**
 * Records a callback, and makes the poll of its attempt due. Everything may happen twice; what a crash leaves
 * between the record and the job is found by reconcile.
 */
export async function recordHint(deps: HintDeps, attempt: Attempt, taskId: string | undefined): Promise<HintResult> {
  const { redis, keys, queues } = deps;
  if (attempt.batch === PROBE_BATCH) {
    await redis.set(keys.callbackProbe(attempt.id), '1', 'EX', PROBE_S);
    return 'probe';
  }
  const hint = await askLedger(deps, attempt, taskId ?? '');
  if (hint === 'taught') await queues.poll(attempt, 0);
  else if (hint === 'wake' && !(await queues.wake(attempt))) void wakeLater(deps, attempt);
  else if (hint === 'early') void hintLater(deps, attempt);
  return hint === 'early' ? 'wake' : hint;
}

async function askLedger({ run, model }: HintDeps, { batch, id, attempt }: Attempt, taskId: string) {
  const ask = async (kind: string) => hintReply.parse(await run('hint', refOf(batch, id), attempt, taskId, kind));
  const first = await ask('');
  if (first.kind !== 'describe') return first.kind;
  const second = await ask(kindOf(model, model.videoSeconds(first.input), first.provider));
  return second.kind === 'describe' ? 'late' : second.kind;
}

/** The poll that is under way may have sent its request before the task ended. */
async function wakeLater({ queues }: HintDeps, attempt: Attempt): Promise<void> {
  try {
    for (const ms of WAKE_AGAIN_MS) {
      await sleep(ms, undefined, { ref: false });
      if (await queues.wake(attempt)) return;
    }
  } catch {
    // Redis is away: reconcile wakes it when it is back.
  }
}

/** The answer to the POST is not recorded yet: the task has no poll that could be woken. */
async function hintLater(deps: HintDeps, attempt: Attempt): Promise<void> {
  try {
    for (const ms of WAKE_AGAIN_MS) {
      await sleep(ms, undefined, { ref: false });
      const hint = await askLedger(deps, attempt, '');
      if (hint === 'early') continue;
      if (hint === 'wake') await deps.queues.wake(attempt);
      return;
    }
  } catch {
    // The fallback poll finds the end.
  }
}
