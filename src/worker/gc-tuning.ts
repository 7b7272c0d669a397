import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** How often the heap is looked at, in milliseconds. */
const LOOK_MS = 1_000;
/** What may come to the heap before it is collected, in bytes, together with all buffers outside of it. */
const ROOM = 48_000_000;
/** Where the buffers take that room by themselves: what has to come to the heap for a collection to be worth its time. */
const GROWTH = 12_000_000;

/**
 * Keeps the heap of a process small that only downloads; it is to be called before much is loaded.
 *
 * Downloads leave a trail of buffers outside of the heap. Whenever 64 MB of them have come together, V8
 * begins to mark the whole heap bit by bit beside the work, at times ten times a second, although the
 * young generation's own collections free them all: that doubles the CPU of a download. So V8 is not to.
 * But it looks at the size of its old generation only when it might begin to mark, and would fill 4 GB
 * in the course of a month. So the heap is looked at here, and collected in one go.
 *
 * The young generation stays as small as it is now: buffers are freed with it, so the larger it is the
 * more of them wait.
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--no-incremental-marking');
  keepYoungGeneration();
  // The flags are of the whole process, and each thread sets this one back to 2 as it starts.
  process.on('worker', (thread) => thread.once('online', keepYoungGeneration));
  collectWhenGrown();
}

function keepYoungGeneration(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}

function collectWhenGrown(): void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  let least = Number.POSITIVE_INFINITY;
  setInterval(() => {
    const { used_heap_size: used, external_memory: outside } = getHeapStatistics();
    least = Math.min(least, used);
    const grown = used - least;
    if (grown < GROWTH || grown + outside < ROOM) return;
    collect();
    least = getHeapStatistics().used_heap_size;
  }, LOOK_MS).unref();
}
