import { z } from 'zod';
import type { Batch, Counts } from '../ledger/batch.ts';
import { readUsage, type Usage } from '../ledger/limits.ts';
import type { App } from '../app.ts';
import { redisTime } from '../redis/time.ts';
import { formatDuration } from '../core/format.ts';
import { openStates } from '../ledger/schema/states.ts';

/** A batch with its pace. */
export interface BatchStatus extends Batch {
  /** Clips done in the last minute. */
  clipsPerMinute: number;
  /** Milliseconds to the end at that pace; `null` when it is ended or nothing moves. */
  etaMs: number | null;
}

/** The output of `clipmill status --json`. */
export interface Status extends Usage {
  batches: BatchStatus[];
  /** Why the whole account submits nothing; Unix ms of Redis's clock. */
  halted: { reason: string; message: string; since: number } | null;
  /** Since when submission is paused by hand. */
  pausedSince: number | null;
  /** Why nothing moves, in sentences with what ends it; empty when nothing is in the way. */
  obstacles: string[];
}

/** Entries that are read at once, and at most: at full limits a thousand clips end in a minute. */
const PACE_PAGE = 1_000;
const PACE_ENTRIES = 20_000;

type StatusSource = Pick<App, 'account' | 'conditions' | 'config' | 'keys' | 'queries' | 'redis' | 'run'>;

/** @param only the one batch to report; the caller checks that it exists */
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

/** Returns the clips done in the last minute by batch, counted from the stream of completions. */
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

/** The shortest wait that is worth a word, in milliseconds. */
const SHORT_MS = 3_000;

/**
 * Returns in sentences why nothing is submitted or stored, each with what ends it: for people who watch a batch
 * that does not move. Empty when nothing is in the way.
 */
export async function readObstacles(app: Pick<App, 'account' | 'conditions'>): Promise<string[]> {
  const [account, conditions] = await Promise.all([app.account.read(), app.conditions.read()]);
  const obstacles: string[] = [];
  if (account.pausedSince !== null) obstacles.push('submission is paused; `clipmill resume` resumes it');
  if (account.halted) {
    const { reason, message } = account.halted;
    const waitMs = Math.max(0, (account.trialAt ?? 0) - Date.now());
    obstacles.push(
      `halted (${reason}): ${message}; tried again in ${formatDuration(waitMs)}, or at \`clipmill resume\``,
    );
  }
  const holdMs = Math.max(account.coolUntil ?? 0, account.heldUntil ?? 0) - Date.now();
  if (holdMs > SHORT_MS) {
    const what = (account.heldUntil ?? 0) > Date.now() ? 'requests wait' : 'submissions wait';
    obstacles.push(
      `${what} for ${formatDuration(holdMs)}, as the API asked for or because it fails; \`clipmill resume\` ends that`,
    );
  }
  return [...obstacles, ...conditions.map(({ message, cure }) => (cure ? `${message}. ${cure}` : message))];
}

/** The time over which a pace is measured, in milliseconds. */
export const PACE_WINDOW_MS = 60_000;

/** Returns the milliseconds to the end of all items at this pace; `null` when they have ended or none is done. */
export function etaMs(counts: Counts, clipsPerMinute: number): number | null {
  const left = openStates.reduce((sum, state) => sum + counts[state], 0);
  return left > 0 && clipsPerMinute > 0 ? Math.round((left / clipsPerMinute) * 60_000) : null;
}
