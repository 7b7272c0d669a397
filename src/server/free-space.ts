import { statfs } from 'node:fs/promises';
import { Gauge } from 'prom-client';
import { registry } from '../core/metrics.ts';
import { withTimeout } from '../core/timeouts.ts';

const NAME = 'clipmill_storage_free_bytes';
/** Longest wait for the disk in a scrape, in milliseconds: a network share may not answer. */
const DEADLINE_MS = 1_000;

/**
 * Exposes the free bytes of the disk of a folder, read on each scrape, with one read at a time. While the disk does not
 * answer, the metric is absent.
 */
export function exposeFreeSpace(folder: string): void {
  let reading: Promise<number> | undefined;
  registry.removeSingleMetric(NAME);
  const gauge = new Gauge({
    name: NAME,
    help: 'Free bytes of the disk of CLIPMILL_STORAGE, of download workers that store in a folder.',
    registers: [],
    async collect() {
      reading ??= freeBytes(folder).finally(() => {
        reading = undefined;
      });
      try {
        this.set(await withTimeout(reading, { ms: DEADLINE_MS }));
      } catch {
        this.remove();
      }
    },
  });
  registry.registerMetric(gauge);
}

async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}
