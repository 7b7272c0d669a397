/**
 * The zero-overhead makespan: how long the same generation times take on the same number of slots
 * when every slot takes the next task the moment it is free (list scheduling, in the order given).
 * @param timesMs generation times in the order in which the tasks were made
 */
export function zeroOverheadMs(timesMs: readonly number[], slots: number): number {
  const free = Array.from({ length: Math.min(slots, timesMs.length) }, () => 0);
  let end = 0;
  for (const time of timesMs) {
    // The earliest free slot is at the top of the heap.
    const finish = (free[0] ?? 0) + time;
    end = Math.max(end, finish);
    sinkRoot(free, finish);
  }
  return end;
}

/** Replaces the smallest value of a binary heap. */
function sinkRoot(heap: number[], value: number): void {
  let at = 0;
  for (;;) {
    const left = 2 * at + 1;
    if (left >= heap.length) break;
    const right = left + 1;
    const child = right < heap.length && (heap[right] ?? 0) < (heap[left] ?? 0) ? right : left;
    if ((heap[child] ?? 0) >= value) break;
    heap[at] = heap[child] ?? 0;
    at = child;
  }
  heap[at] = value;
}
