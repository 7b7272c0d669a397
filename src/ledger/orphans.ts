import { z } from 'zod';
import type { RedisClient } from '../redis/connect.ts';
import type { AdoptedItem } from './adoption.ts';
import { attemptList, type Attempt } from './attempt.ts';
import { pastAttempts } from './item.ts';
import type { NewItem } from './new-item.ts';
import { reasons } from './schema/reasons.ts';
import { refOf, splitRef, type Keys } from './schema/keys.ts';
import { namedReply, scriptJson, type RunScript } from './scripts.ts';

const orphan = z.object({
  attempt: z.number(),
  /** Fingerprint of the content that was posted. */
  hash: z.string(),
  /** When it was posted, Unix ms. */
  at: z.number(),
  /** Id of the task; without one, it is unknown whether the API accepted the submission. */
  task: z.string().optional(),
  kind: z.string().optional(),
  /** The item waits for a further attempt: it is queued, and its earlier submissions count. */
  queued: z.literal(true).optional(),
  /** Earlier submissions that were paid for. */
  spent: z.number().optional(),
  /** Those attempts, one JSON object per line. */
  history: z.string().optional(),
});

/** A submission whose item is not in Redis, as after a loss of data. */
export type Orphan = z.output<typeof orphan>;

/** A submission as a process has logged it. */
export interface LoggedSubmission extends Orphan {
  batch: string;
  id: string;
}

export interface AssignedSubmissions {
  /** Submissions whose items are not in Redis: the items get their tasks when they are added. */
  kept: number;
  /** Attempts that got their task back; it is due for a poll. */
  resumed: Attempt[];
  /** Tasks that were added to the history of items that have another task. */
  archived: number;
}

/** Submissions that processes have logged, and that Redis may have lost. */
export interface Orphans {
  /** Assigns each submission to its item, or keeps it until the item is added. May be called twice. */
  assign(submissions: readonly LoggedSubmission[]): Promise<AssignedSubmissions>;
  /** Returns the orphans of these items that may have a task, in their order. */
  find(batch: string, ids: readonly string[]): Promise<(Orphan | undefined)[]>;
  /** Returns the number of orphans of each batch. */
  count(): Promise<Map<string, number>>;
}

/** Submissions per call: about 3 ms of Redis's time. */
const PAGE = 250;

const assignReply = namedReply<AssignedSubmissions>(
  z.object({ kept: z.coerce.number(), resumed: attemptList, archived: z.coerce.number() }),
);

export function createOrphans(redis: RedisClient, keys: Keys, run: RunScript): Orphans {
  return {
    async assign(submissions) {
      const sum: AssignedSubmissions = { kept: 0, resumed: [], archived: 0 };
      for (let start = 0; start < submissions.length; start += PAGE) {
        const page = submissions.slice(start, start + PAGE);
        const entries = page.map(({ batch, id, ...entry }) => ({ ...entry, ref: refOf(batch, id) }));
        const { kept, resumed, archived } = assignReply.parse(await run('assign', scriptJson(entries)));
        sum.kept += kept;
        sum.resumed.push(...resumed);
        sum.archived += archived;
      }
      return sum;
    },
    async find(batch, ids) {
      if (ids.length === 0) return [];
      const stored = await redis.hmget(keys.orphans, ...ids.map((id) => refOf(batch, id)));
      return stored.map((text) => {
        const found = text ? parseOrphan(text) : undefined;
        return found?.queued ? undefined : found;
      });
    },
    async count() {
      const batches = new Map<string, number>();
      for await (const page of redis.hscanStream(keys.orphans)) {
        const flat = z.array(z.string()).parse(page);
        for (let at = 0; at < flat.length; at += 2) {
          const { batch } = splitRef(flat[at] ?? '');
          batches.set(batch, (batches.get(batch) ?? 0) + 1);
        }
      }
      return batches;
    },
  };
}

export function parseOrphan(text: string): Orphan {
  return orphan.parse(JSON.parse(text));
}

/** Returns the item with the task of its orphan; held if the orphan has none, as it may have been paid for. */
export function resumedItem(
  { index: _index, replace, ...item }: NewItem,
  { attempt, at, task, kind, spent = 0, history = '' }: Orphan,
): AdoptedItem {
  return {
    ...item,
    attempt,
    posted: 1 + spent,
    history: pastAttempts(history),
    names: [],
    state: task === undefined ? 'held' : 'generating',
    fields: {
      task,
      kind,
      postedAt: at,
      replace: replace ? 1 : undefined,
      ...(task === undefined && { code: 'LEDGER_LOST', message: reasons.LEDGER_LOST }),
    },
  };
}
