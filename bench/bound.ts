import { Heap } from './heap.ts';

/**
 * The zero-overhead makespan: how long the same generation times take on the same number of slots
 * when every slot takes the next task the moment it is free (list scheduling, in the order given).
 * @param timesMs generation times in the order in which the tasks were made
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
