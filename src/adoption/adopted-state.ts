import type { StoredRow } from '../reports/read-manifest.ts';

/** State of an item that is adopted from a row of a manifest. */
export type AdoptedState =
  /** Its clip exists in the storage. */
  | 'done'
  /**
   * Its task is polled: it is in progress, or its clip is missing from the storage and the API still keeps the
   * result.
   */
  | 'generating'
  /** It ended without a clip, or its acceptance is unknown: a retry decides. */
  | 'failed'
  | 'held'
  | 'cancelled';

/** The fields of a row that determine its adopted state. */
export type RowFacts = Pick<StoredRow, 'state' | 'size' | 'taskId' | 'postedAt' | 'hash'> & {
  /** The name of its clip; absent if no manifest lists it. */
  output?: string | undefined;
};

/**
 * Returns the state in which the item of a row is adopted.
 * @param size of the file with the name of its clip, in bytes; `undefined` if there is none
 * @returns `undefined` if nothing was paid for, or neither the clip nor its task is available: the clip is a new one
 */
export function adoptedStateOf(
  row: RowFacts,
  size: number | undefined,
  resultsLastMs: number,
): AdoptedState | undefined {
  const { state, taskId } = row;
  if (state === 'done') {
    if (size !== undefined && size > 0 && size === (row.size ?? size)) return 'done';
    const isAvailable = row.postedAt === undefined || Date.now() - row.postedAt < resultsLastMs;
    return taskId !== undefined && isAvailable ? 'generating' : undefined;
  }
  if (state === 'generating' || state === 'downloading') return taskId === undefined ? 'held' : 'generating';
  if (state === 'submitting') return 'held';
  return state === 'queued' ? undefined : state;
}
