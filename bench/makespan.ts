import { Heap } from './heap.ts';

/**
 * Returns the zero-overhead makespan in milliseconds: how long the same generation times take on the same number of
 * slots if each slot gets the next task the moment it is free (list scheduling, in the given order).
 * @param timesMs generation times in the order in which the tasks were created
 */
export function zeroOverheadMs(timesMs: readonly number[], slots: number): number {
  const busy = new Heap<undefined>();
  let end = 0;
  for (const time of timesMs) {
    const freeAt = busy.size < slots ? 0 : (busy.pop()?.at ?? 0);
    busy.push(freeAt + time, undefined);
    end = Math.max(end, freeAt + time);
  }
  return end;
}

/**
 * Returns the same if each task also needs one request at its end and one at its beginning, each of which takes a
 * token: the makespan that callbacks make possible at the request limit.
 */
export function possibleMs(
  timesMs: readonly number[],
  slots: number,
  bucket: { intervalMs: number; burst: number },
): number {
  let tat = 0;
  const token = (at: number): number => {
    const full = Math.max(tat, at);
    tat = full + bucket.intervalMs;
    return Math.max(at, full - (bucket.burst - 1) * bucket.intervalMs);
  };
  const busy = new Heap<undefined>();
  let end = 0;
  for (const time of timesMs) {
    const freeAt = busy.size < slots ? 0 : token(busy.pop()?.at ?? 0);
    const endsAt = token(freeAt) + time;
    busy.push(endsAt, undefined);
    end = Math.max(end, endsAt);
  }
  return end;
}
