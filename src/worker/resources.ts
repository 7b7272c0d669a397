import { createApixoClient, type ApixoClient } from '../apixo/client.ts';
import { addressesOf, requireApiKey, type Config } from '../config/config.ts';
import { Closers } from '../core/closers.ts';
import type { Logger } from '../core/log.ts';
import { createSourceOpener, type SourceOpener } from '../download/open.ts';
import type { Conditions } from '../ledger/conditions.ts';
import { openStorage } from '../storage/open.ts';
import type { Storage } from '../storage/storage.ts';
import { lenientLog } from './lenient-log.ts';
import { watchDisk } from './slow-disk.ts';

/** The remote services of a worker process beside Redis: the API, the hosts of clips, and the storage. */
export interface Resources {
  api: ApixoClient;
  storage: Storage;
  source: SourceOpener;
  close(): Promise<void>;
}

/** @throws UserError when a setting is missing; nothing is connected before it is used */
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
