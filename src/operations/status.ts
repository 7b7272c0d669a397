import { z } from 'zod';
import type { Batch, Counts } from '../ledger/batch.ts';
import { readUsage, type Usage } from '../ledger/limits.ts';
import type { App } from '../app.ts';
import { redisTime } from '../redis/time.ts';
import { formatDuration } from '../core/format.ts';
import { openStates } from '../ledger/schema/states.ts';

/** A batch with its pace. */
export interface BatchStatus extends Batch {
  /** Clips that were done in the last minute. */
  clipsPerMinute: number;
  /** Milliseconds until the end at that pace; `null` if the batch has ended or no clip was done. */
  etaMs: number | null;
}

/** The output of `clipmill status --json`. */
export interface Status extends Usage {
  batches: BatchStatus[];
  /** Why submission is halted for the whole account; `since` is Unix time by the clock of Redis, in milliseconds. */
  halted: { reason: string; message: string; since: number } | null;
  /** Unix time of the pause by a user, in milliseconds; `null` if submission is not paused. */
  pausedSince: number | null;
  /** Why submission or storage is blocked, one sentence each, with the cure; empty if nothing is blocked. */
  obstacles: string[];
}

/** Entries per read. */
const PACE_PAGE = 1_000;
/** Maximum number of entries that are read. At the default limits, about a thousand clips end in a minute. */
const PACE_ENTRIES = 20_000;

type StatusSource = Pick<App, 'account' | 'conditions' | 'config' | 'keys' | 'queries' | 'redis' | 'run'>;

/** Returns the status of all batches, or of one that exists, and of the account. */
export async function readStatus(app: StatusSource, only?: string): Promise<Status> {
  const { run, config, queries } = app;
  const found = only === undefined ? await queries.batches() : [await queries.batch(only)];
  const batches = found.filter((batch) => batch !== undefined);
  const [usage, account, obstacles, pace] = await Promise.all([
    readUsage(run, config),
    app.account.read(),
    readObstacles(app),
    batches.some((batch) => batch.endedAt === null) ? readPace(app) : new Map<string, number>(),
  ]);
  return {
    batches: batches.map((batch) => withPace(batch, pace.get(batch.batch) ?? 0)),
    ...usage,
    halted: account.halted,
    pausedSince: account.pausedSince,
    obstacles,
  };
}

function withPace(batch: Batch, clipsPerMinute: number): BatchStatus {
  return { ...batch, clipsPerMinute, etaMs: etaMs(batch.counts, clipsPerMinute) };
}

const doneEvent = z.object({ type: z.literal('item'), batch: z.string(), state: z.literal('done') });

/** Counts the clips of each batch that were done in the last minute, from the event stream. */
async function readPace(app: StatusSource): Promise<Map<string, number>> {
  const since = Math.floor(await redisTime(app.redis)) - PACE_WINDOW_MS;
  const pace = new Map<string, number>();
  let from = String(since);
  for (let read = 0; read < PACE_ENTRIES; read += PACE_PAGE) {
    const entries = await app.redis.xrange(app.keys.events, from, '+', 'COUNT', PACE_PAGE);
    for (const [id, [, , , data]] of entries) {
      from = `(${id}`;
      const event = doneEvent.safeParse(JSON.parse(data ?? 'null'));
      if (event.success) pace.set(event.data.batch, (pace.get(event.data.batch) ?? 0) + 1);
    }
    if (entries.length < PACE_PAGE) break;
  }
  return pace;
}

/** Shortest wait that is reported, in milliseconds. */
const REPORTED_WAIT_MS = 3_000;

/**
 * Returns why submission or storage is blocked, one sentence each, with the cure; empty if nothing is blocked.
 */
export async function readObstacles(app: Pick<App, 'account' | 'conditions'>): Promise<string[]> {
  const [account, conditions] = await Promise.all([app.account.read(), app.conditions.read()]);
  const obstacles: string[] = [];
  if (account.pausedSince !== null) obstacles.push('submission is paused; `clipmill resume` resumes it');
  if (account.halted) {
    const { reason, message } = account.halted;
    const waitMs = Math.max(0, (account.trialAt ?? 0) - Date.now());
    obstacles.push(
      `halted (${reason}): ${message}; next trial in ${formatDuration(waitMs)}, or at once with \`clipmill resume\``,
    );
  }
  const holdMs = Math.max(account.coolUntil ?? 0, account.heldUntil ?? 0) - Date.now();
  if (holdMs > REPORTED_WAIT_MS) {
    const what = (account.heldUntil ?? 0) > Date.now() ? 'requests wait' : 'submissions wait';
    obstacles.push(
      `${what} for ${formatDuration(holdMs)}, because the API asked for it or is failing; \`clipmill resume\` ends the wait`,
    );
  }
  return [...obstacles, ...conditions.map(({ message, cure }) => (cure ? `${message}. ${cure}` : message))];
}

/** Time over which the pace is measured, in milliseconds. */
export const PACE_WINDOW_MS = 60_000;

/** Returns the milliseconds until all items have ended at this pace; `null` if they have, or if the pace is 0. */
export function etaMs(counts: Counts, clipsPerMinute: number): number | null {
  const left = openStates.reduce((sum, state) => sum + counts[state], 0);
  return left > 0 && clipsPerMinute > 0 ? Math.round((left / clipsPerMinute) * 60_000) : null;
}
