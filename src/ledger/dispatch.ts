import { z } from 'zod';
import { namedReply, type RunScript } from './scripts.ts';
import { attemptList, type Attempt } from './attempt.ts';

export interface Dispatched {
  /** Attempts that hold a slot now; each needs its submit job. */
  attempts: Attempt[];
  /** Delay until the next dispatch if no event causes one before, in milliseconds; 0: none is needed. */
  wakeMs: number;
}

const reply = namedReply(z.object({ dispatched: attemptList, wakeMs: z.coerce.number() }));

/** Gives at most `max` free slots to pending items, in the order of the fair-share queue. */
export async function dispatch(run: RunScript, max: number): Promise<Dispatched> {
  const { dispatched, wakeMs } = reply.parse(await run('dispatch', max));
  return { attempts: dispatched, wakeMs };
}
