/**
 * Loaded into a worker by `--import`, with `--expose-gc`: writes every few seconds what the process holds
 * after a garbage collection, so that growth is growth and not garbage.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

export const PROBE_FOLDER = 'SOAK_PROBE_FOLDER';
const PERIOD_MS = 5_000;

/** What one process holds. */
export const holding = z.object({
  /** Resident memory, bytes. */
  rss: z.number(),
  /** Heap in use, bytes. */
  heap: z.number(),
  timers: z.number(),
});
export type Holding = z.infer<typeof holding>;

export function probeFile(folder: string, pid: number): string {
  return join(folder, `${pid}.json`);
}

function write(folder: string): void {
  globalThis.gc?.();
  const { rss, heapUsed } = process.memoryUsage();
  const timers = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const file = probeFile(folder, process.pid);
  writeFileSync(`${file}.part`, JSON.stringify({ rss, heap: heapUsed, timers } satisfies Holding));
  renameSync(`${file}.part`, file);
}

const folder = process.env[PROBE_FOLDER];
if (folder) setInterval(() => write(folder), PERIOD_MS).unref();
