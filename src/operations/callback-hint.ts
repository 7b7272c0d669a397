import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { App } from '../app.ts';
import { PROBE_BATCH } from '../callbacks/path.ts';
import type { Attempt } from '../ledger/attempts.ts';
import { namedReply } from '../ledger/scripts.ts';
import { refOf } from '../ledger/schema/keys.ts';
import { kindOf } from '../apixo/model.ts';

/**
 * The effect of a callback: `wake` makes the poll of its attempt due, `taught` also records a task id that was lost,
 * `late` has no effect, and `probe` is the callback of doctor.
 */
export type HintResult = 'wake' | 'taught' | 'late' | 'probe';

/** How long the callback of doctor is kept, in seconds. */
const PROBE_S = 60;
/**
 * Interval in which callbacks are recorded together, in milliseconds. Their commands share one write, and so do those of
 * the polls that follow: singly, a third of the CPU time of a poll worker would be writes.
 */
const ROUND_MS = 10;
/** Delays before an attempt whose poll is active is woken again, in milliseconds. */
const WAKE_AGAIN_MS = [500, 2_000, 8_000];

type HintDeps = Pick<App, 'redis' | 'keys' | 'run' | 'queues' | 'model'>;

const inputObject = z.looseObject({});

const hintReply = namedReply(
  z.discriminatedUnion('kind', [
    z.object({ kind: z.enum(['wake', 'taught', 'early', 'late']) }),
    z.object({
      kind: z.literal('describe'),
      input: z.string().transform((text) => inputObject.parse(JSON.parse(text))),
      provider: z.string(),
    }),
  ]),
);

/**
 * Records a callback and makes the poll of its attempt due. Idempotent; after a crash between the record and the job,
 * reconcile adds the job.
 */
export async function recordHint(deps: HintDeps, attempt: Attempt, taskId: string | undefined): Promise<HintResult> {
  const { redis, keys, queues } = deps;
  if (attempt.batch === PROBE_BATCH) {
    await redis.set(keys.callbackProbe(attempt.id), '1', 'EX', PROBE_S);
    return 'probe';
  }
  await nextRound();
  const hint = await askLedger(deps, attempt, taskId ?? '');
  if (hint === 'taught') await queues.poll(attempt, 0);
  else if (hint === 'wake' && !(await queues.wake(attempt))) void wakeLater(deps, attempt);
  else if (hint === 'early') void hintLater(deps, attempt);
  return hint === 'early' ? 'wake' : hint;
}

let round: Promise<void> | undefined;

async function startRound(): Promise<void> {
  await sleep(ROUND_MS);
  round = undefined;
}

/** Resolves at the end of the current round, for all callbacks that arrived in it. */
async function nextRound(): Promise<void> {
  round ??= startRound();
  await round;
}

async function askLedger({ run, model }: HintDeps, { batch, id, attempt }: Attempt, taskId: string) {
  const ask = async (kind: string) => hintReply.parse(await run('hint', refOf(batch, id), attempt, taskId, kind));
  const first = await ask('');
  if (first.kind !== 'describe') return first.kind;
  const second = await ask(kindOf(model, model.videoSeconds(first.input), first.provider));
  return second.kind === 'describe' ? 'late' : second.kind;
}

/** Wakes an attempt whose poll is active, because that poll may have sent its request before the task ended. */
async function wakeLater({ queues }: HintDeps, attempt: Attempt): Promise<void> {
  try {
    for (const ms of WAKE_AGAIN_MS) {
      await sleep(ms, undefined, { ref: false });
      if (await queues.wake(attempt)) return;
    }
  } catch {
    // Redis is unavailable: reconcile wakes the attempt later.
  }
}

/** Repeats the hint until the answer to the POST is recorded, because until then there is no poll to wake. */
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
    // The fallback poll detects the end of the task.
  }
}
