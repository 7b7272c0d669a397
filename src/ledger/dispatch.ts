import { z } from 'zod';
import { namedReply, type RunScript } from './scripts.ts';
import { attemptList, type Attempt } from './attempt.ts';

export interface Dispatched {
  /** Attempts that hold a slot now; each needs its submit job. */
  attempts: Attempt[];
  /** When to dispatch again although nothing happened, in milliseconds from now; 0: no need to. */
  wakeMs: number;
}

const reply = namedReply(z.object({ dispatched: attemptList, wakeMs: z.coerce.number() }));

/** Gives at most `max` free slots to the batches whose turn it is. */
export async function dispatch(run: RunScript, max: number): Promise<Dispatched> {
  const { dispatched, wakeMs } = reply.parse(await run('dispatch', max));
  return { attempts: dispatched, wakeMs };
}
