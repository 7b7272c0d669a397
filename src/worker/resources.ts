import { createApixoClient, type ApixoClient, type LenientReading } from '../apixo/client.ts';
import { addressesOf, requireApiKey, type Config } from '../config/config.ts';
import { Closers } from '../core/closers.ts';
import { formatDuration } from '../core/format.ts';
import type { Logger } from '../core/log.ts';
import { metrics } from '../core/metrics.ts';
import { createSourceOpener, type SourceOpener } from '../download/open-source.ts';
import type { Conditions } from '../ledger/conditions.ts';
import type { SyncListener } from '../storage/file/sync-monitor.ts';
import { openStorage } from '../storage/open-storage.ts';
import type { Storage } from '../storage/storage.ts';

/** The services of a worker process other than Redis: the API, the download hosts and the storage. */
export interface Resources {
  api: ApixoClient;
  storage: Storage;
  source: SourceOpener;
  close(): Promise<void>;
}

/** Opens the services; each connects on its first use. @throws UserError if a setting is missing */
export function openResources(config: Config, log: Logger, conditions: Pick<Conditions, 'raise' | 'clear'>): Resources {
  const closers = new Closers();
  const storage = openStorage(config, watchDisk(conditions, log));
  closers.push(() => storage.close());
  const api = createApixoClient({
    baseUrl: config.baseUrl,
    apiKey: requireApiKey(config),
    submitTimeoutMs: config.submitTimeoutMs,
    onLenientReading: lenientLog(log),
  });
  closers.push(() => api.close());
  const source = createSourceOpener({ ...addressesOf(config), maxBytes: config.maxClipBytes });
  closers.push(() => source.close());
  return { api, storage, source, close: () => closers.close() };
}

/**
 * Returns a listener that counts undocumented answers that could still be read, and logs the first one of each kind
 * verbatim: the API has changed, and its next change may be unreadable.
 */
function lenientLog(log: Logger): (reading: LenientReading) => void {
  const logged = new Set<string>();
  return ({ endpoint, what, raw }) => {
    metrics.lenientReadings.inc({ endpoint, what });
    const kind = `${endpoint} ${what}`;
    if (logged.has(kind)) return;
    logged.add(kind);
    log.warn({ endpoint, what, answer: raw }, 'the API returned an undocumented answer, which could still be read');
  };
}

const CURE = 'Check the disk or the network share of CLIPMILL_STORAGE; a lower CLIPMILL_DOWNLOADS may help.';

/** Returns a listener that records a slow disk in the conditions, and logs it once. */
export function watchDisk(conditions: Pick<Conditions, 'raise' | 'clear'>, log: Logger): SyncListener {
  let slow = false;
  return {
    slow(elapsedMs) {
      const message = `the disk is slow: flushing a clip has taken ${formatDuration(elapsedMs)} so far`;
      conditions.raise('disk', message, CURE);
      if (!slow) log.warn({ elapsedMs: Math.round(elapsedMs), cure: CURE }, 'the disk is slow: downloads wait for it');
      slow = true;
    },
    recovered() {
      conditions.clear('disk');
      slow = false;
      log.info('the disk is fast again');
    },
  };
}
