import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Interval of the heap checks, in milliseconds. */
const CHECK_MS = 1_000;
/** Growth of heap plus buffers after which garbage is collected, in bytes. */
const MAX_GROWTH = 48_000_000;
/** Minimum growth of the heap itself, in bytes: buffers alone do not justify a full collection. */
const MIN_HEAP_GROWTH = 12_000_000;

/**
 * Keeps the heap of a download process small. Call it before other modules are loaded.
 *
 * Downloads allocate buffers outside the heap. Whenever these reach 64 MB, V8 starts an incremental marking of the
 * whole heap, up to ten times a second, although collections of the young generation free all of them. That doubles
 * the CPU of a download, so incremental marking is disabled. But V8 checks the size of its old generation only where it
 * could start to mark, and would grow to 4 GB within a month. So this module checks the size, and runs full collections.
 *
 * The young generation keeps its initial size: its collections free the buffers, so a larger one retains more of them.
 * NODE_OPTIONS rejects both flags, so they are set at the start of the process.
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--no-incremental-marking');
  keepYoungGeneration();
  // Flags apply to the whole process, and each thread resets this one to 2 when it starts.
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
    if (grown < MIN_HEAP_GROWTH || grown + outside < MAX_GROWTH) return;
    collect();
    smallest = getHeapStatistics().used_heap_size;
  }, CHECK_MS).unref();
}
