import type { Counts } from '../ledger/batch.ts';
import { openStates } from '../ledger/schema/states.ts';

/** The time over which a pace is measured, in milliseconds. */
export const PACE_WINDOW_MS = 60_000;

/** Returns the milliseconds to the end of all items at this pace; `null` when they have ended or none is done. */
export function etaMs(counts: Counts, clipsPerMinute: number): number | null {
  const left = openStates.reduce((sum, state) => sum + counts[state], 0);
  return left > 0 && clipsPerMinute > 0 ? Math.round((left / clipsPerMinute) * 60_000) : null;
}
