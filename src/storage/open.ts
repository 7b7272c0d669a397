import type { Config } from '../config/config.ts';
import { UserError } from '../errors.ts';
import { createFileStorage } from './file.ts';
import type { Storage } from './storage.ts';

/** The storage that the settings name. */
export function openStorage(config: Pick<Config, 'storage'>): Storage {
  if (config.storage.kind === 'file') return createFileStorage(config.storage.root);
  throw new UserError('S3 storage is not available yet', { cure: 'Set CLIPMILL_STORAGE to file:FOLDER.' });
}
