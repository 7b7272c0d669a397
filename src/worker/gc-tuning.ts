import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** How often the size of the heap is read, in milliseconds. */
const CHECK_MS = 1_000;
/** Growth of heap plus buffers after which the heap is collected, in bytes. */
const ROOM = 48_000_000;
/** Where buffers alone reach that: the least growth of the heap for which a collection is worth its time, in bytes. */
const GROWTH = 12_000_000;

/**
 * Keeps the heap of a process small that only downloads. To be called before much is loaded.
 *
 * Downloads leave a trail of buffers outside of the heap. Whenever they add up to 64 MB, V8 starts
 * to mark the whole heap incrementally, at times ten times a second, although collections of the young
 * generation free all of them: that doubles the CPU of a download. So incremental marking is turned off. But V8
 * checks the size of its old generation only where it might start to mark, and would grow to 4 GB within a
 * month. So the size is checked here, and the heap collected in one go.
 *
 * The young generation stays as small as it is: its collections free the buffers, so a larger one keeps more of
 * them waiting. Neither flag may stand in NODE_OPTIONS; hence they are set here, at the start.
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--no-incremental-marking');
  keepYoungGeneration();
  // Flags are those of the whole process, and each thread resets this one to 2 when it starts.
  process.on('worker', (thread) => thread.once('online', keepYoungGeneration));
  collectWhenGrown();
}

function keepYoungGeneration(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}

function collectWhenGrown(): void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  let smallest = Number.POSITIVE_INFINITY;
  setInterval(() => {
    const { used_heap_size: used, external_memory: outside } = getHeapStatistics();
    smallest = Math.min(smallest, used);
    const grown = used - smallest;
    if (grown < GROWTH || grown + outside < ROOM) return;
    collect();
    smallest = getHeapStatistics().used_heap_size;
  }, CHECK_MS).unref();
}
