import { z } from 'zod';
import type { RunScript } from '../../ledger/scripts.ts';
import type { AgeCounts } from './hazard.ts';

/** The tasks to poll in all processes, and the request rate. */
export interface Load {
  /** Interval of request tokens, in milliseconds. */
  tokenMs: number;
  /** Slots in use. */
  slots: number;
  kinds: ReadonlyMap<
    string,
    {
      /** Durations of tasks that ended. */
      took: AgeCounts;
      /** Ages of running tasks within the requested range. */
      running: AgeCounts;
      /** Number of running tasks older than that range. */
      older: number;
    }
  >;
}

/** The range of ages in which running tasks are counted, by kind of task. */
export type BinRanges = Readonly<Record<string, readonly [first: number, last: number]>>;

const counts = z
  .record(z.string(), z.number())
  .default({})
  .transform((bins): AgeCounts => new Map(Object.entries(bins).map(([bin, count]) => [Number(bin), count])));
const reply = z.object({
  /** Absent if no limits are published: no request may be sent. */
  tokenMs: z.number().default(Infinity),
  slots: z.number(),
  kinds: z.array(z.object({ kind: z.string(), took: counts, running: counts, older: z.number() })).default([]),
});

export async function readLoad(run: RunScript, ranges: BinRanges): Promise<Load> {
  const { tokenMs, slots, kinds } = reply.parse(
    JSON.parse(z.string().parse(await run('load', JSON.stringify(ranges)))),
  );
  return { tokenMs, slots, kinds: new Map(kinds.map(({ kind, ...counted }) => [kind, counted])) };
}
