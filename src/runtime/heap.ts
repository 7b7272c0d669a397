import { setFlagsFromString } from 'node:v8';
import type { QueueName } from '../pipeline/queues.ts';

/**
 * Downloads leave a trail of buffers outside of the heap, each with a tiny object on it. Every 64 MB of
 * them make V8 begin to mark the whole heap bit by bit beside the work, ten times a second, although the
 * young generation's own collections free them all. In one go it is only marked where those did not help:
 * a megabyte costs 2.5 ms of CPU instead of 4 (the download bench).
 *
 * A young generation that may grow lets the more buffers wait to be freed: a process that only downloads
 * keeps its own as small as it began, and needs 40 MB less. Others have more objects than buffers.
 */
export function tuneHeap(roles: readonly QueueName[]): void {
  setFlagsFromString('--no-incremental-marking');
  if (roles.every((role) => role === 'download')) setFlagsFromString('--semi-space-growth-factor=1');
}
