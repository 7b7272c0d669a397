/**
 * Runs in a worker process by `--import`, with `--expose-gc`. Every few seconds it writes the resource usage of the
 * process after a garbage collection, so that garbage does not count as growth.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

export const PROBE_FOLDER = 'SOAK_PROBE_FOLDER';
const PERIOD_MS = 5_000;

/** The resource usage of a process. */
export const usage = z.object({
  /** Resident memory, bytes. */
  rss: z.number(),
  /** Heap in use, bytes. */
  heap: z.number(),
  timers: z.number(),
});
export type Usage = z.infer<typeof usage>;

export function probeFile(folder: string, pid: number): string {
  return join(folder, `${pid}.json`);
}

function write(folder: string): void {
  globalThis.gc?.();
  const { rss, heapUsed } = process.memoryUsage();
  const timers = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const file = probeFile(folder, process.pid);
  writeFileSync(`${file}.part`, JSON.stringify({ rss, heap: heapUsed, timers } satisfies Usage));
  renameSync(`${file}.part`, file);
}

const folder = process.env[PROBE_FOLDER];
if (folder) setInterval(() => write(folder), PERIOD_MS).unref();
