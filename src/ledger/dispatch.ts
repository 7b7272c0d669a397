import { z } from 'zod';
import type { RunScript } from './scripts.ts';
import { readDispatched, type Attempt } from './attempts.ts';

export interface Dispatched {
  /** Attempts that have a slot now; each needs its submit job. */
  attempts: Attempt[];
  /** When to ask again although nothing happened, in ms from now; 0: no need to. */
  wakeMs: number;
}

const reply = z.array(z.string()).min(1);

/** Hands at most `max` free slots out to the batches whose turn it is. */
export async function dispatch(run: RunScript, max: number): Promise<Dispatched> {
  const flat = reply.parse(await run('dispatch', max));
  return { attempts: readDispatched(flat.slice(0, -1)), wakeMs: Number(flat.at(-1)) };
}
