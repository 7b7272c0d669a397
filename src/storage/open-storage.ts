import type { Config } from '../config/config.ts';
import { createFileStorage } from './file/storage.ts';
import type { SyncListener } from './file/sync-monitor.ts';
import { createS3Storage } from './s3/storage.ts';
import type { Storage } from './storage.ts';

export type StorageSettings = Pick<
  Config,
  | 'storage'
  | 's3Endpoint'
  | 's3ForcePathStyle'
  | 'awsRegion'
  | 'awsAccessKeyId'
  | 'awsSecretAccessKey'
  | 'awsSessionToken'
>;

/**
 * Creates the storage that the settings name. It connects at its first use.
 * @param syncs is notified of slow syncs to the disk, if the storage is a folder
 */
export function openStorage(config: StorageSettings, syncs?: SyncListener): Storage {
  if (config.storage.kind === 'file') return createFileStorage(config.storage.root, syncs);
  const { bucket, prefix } = config.storage;
  const { awsAccessKeyId: accessKeyId, awsSecretAccessKey: secretAccessKey, awsSessionToken: sessionToken } = config;
  return createS3Storage({
    bucket,
    prefix,
    endpoint: config.s3Endpoint,
    forcePathStyle: config.s3ForcePathStyle,
    region: config.awsRegion,
    ...(accessKeyId && secretAccessKey && { credentials: { accessKeyId, secretAccessKey, sessionToken } }),
  });
}
