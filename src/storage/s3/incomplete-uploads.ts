import type { Leftovers } from '../storage.ts';
import type { S3Options, S3Session } from './session.ts';
import { asStorageError, isMissing } from './errors.ts';

/**
 * Creates the sweep of multipart uploads whose process died. The service stores, and charges for, their parts until
 * they are aborted. Without a prefix, clipmill cannot distinguish its uploads from others and aborts none: the bucket
 * needs a lifecycle rule then.
 */
export function createIncompleteUploads(options: S3Options, open: () => Promise<S3Session>): Leftovers {
  return {
    shared: true,
    async sweep(olderThanMs, signal) {
      if (options.prefix === '') return 0;
      try {
        return await abortUploads(await open(), `${options.prefix}/`, olderThanMs, signal);
      } catch (error) {
        throw asStorageError(error, `s3://${options.bucket}/${options.prefix}`);
      }
    },
  };
}

async function abortUploads(
  { sdk, client, bucket }: S3Session,
  prefix: string,
  olderThanMs: number,
  signal: AbortSignal | undefined,
): Promise<number> {
  const options = signal ? { abortSignal: signal } : {};
  let aborted = 0;
  let from: { KeyMarker?: string; UploadIdMarker?: string } = {};
  for (;;) {
    const page = await client.send(
      new sdk.ListMultipartUploadsCommand({ Bucket: bucket, Prefix: prefix, ...from }),
      options,
    );
    for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
      // Some services ignore the requested prefix.
      if (!Key?.startsWith(prefix) || !UploadId || !Initiated) continue;
      if (Date.now() - Initiated.getTime() < olderThanMs) continue;
      try {
        await client.send(new sdk.AbortMultipartUploadCommand({ Bucket: bucket, Key, UploadId }), options);
        aborted += 1;
      } catch (error) {
        // It has ended meanwhile: its writer completed it, or another process aborted it.
        if (!isMissing(error)) throw error;
      }
    }
    if (page.IsTruncated !== true || page.NextKeyMarker === undefined) return aborted;
    from = {
      KeyMarker: page.NextKeyMarker,
      ...(page.NextUploadIdMarker !== undefined && { UploadIdMarker: page.NextUploadIdMarker }),
    };
  }
}
