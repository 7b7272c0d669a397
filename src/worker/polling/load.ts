import { z } from 'zod';
import type { RunScript } from '../../ledger/scripts.ts';
import type { AgeCounts } from './hazard.ts';

/** Tasks to poll in all processes, and the requests that are left for it. */
export interface Demand {
  /** Milliseconds from one request token to the next. */
  tokenMs: number;
  /** Slots in use. */
  slots: number;
  kinds: ReadonlyMap<
    string,
    {
      /** How long tasks took. */
      took: AgeCounts;
      /** Ages of those that run, within the range asked for. */
      running: AgeCounts;
      /** Tasks that have run for longer than that range. */
      older: number;
    }
  >;
}

/** First and last bin of the ages in which running tasks are counted, by kind. */
export type BinRanges = Readonly<Record<string, readonly [first: number, last: number]>>;

const counts = z
  .record(z.string(), z.number())
  .default({})
  .transform((bins): AgeCounts => new Map(Object.entries(bins).map(([bin, count]) => [Number(bin), count])));
const reply = z.object({
  /** Absent where no limits are published: nothing may be sent. */
  tokenMs: z.number().default(Infinity),
  slots: z.number(),
  kinds: z.array(z.object({ kind: z.string(), took: counts, running: counts, older: z.number() })).default([]),
});

export async function readLoad(run: RunScript, ranges: BinRanges): Promise<Demand> {
  const { tokenMs, slots, kinds } = reply.parse(
    JSON.parse(z.string().parse(await run('load', JSON.stringify(ranges)))),
  );
  return { tokenMs, slots, kinds: new Map(kinds.map(({ kind, ...counted }) => [kind, counted])) };
}
