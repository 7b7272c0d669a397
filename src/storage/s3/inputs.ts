import { createHash } from 'node:crypto';
import { StorageError, type InputStore } from '../storage.ts';
import type { S3Session } from './session.ts';
import { asStorageError, isHidden } from './errors.ts';

/** Creates a store of images under `inputs/` of the prefix. */
export function createS3Inputs(open: () => Promise<S3Session>): InputStore {
  return {
    async put(sha256, extension, contentType, bytes) {
      const session = await open();
      const { sdk, client, bucket } = session;
      const key = session.keyOf(nameOf(sha256, extension));
      try {
        const found = await findInput(session, key, sha256, bytes.length);
        if (found === 'same') return;
        if (found === 'other') {
          throw new StorageError(`s3://${bucket}/${key} exists and is another file`, {
            cure: 'Set CLIPMILL_STORAGE to a prefix that only clipmill uses.',
          });
        }
        const request = { Bucket: bucket, Key: key, ContentType: contentType, Body: bytes };
        await client.send(new sdk.PutObjectCommand({ ...request, Metadata: { sha256 } }));
      } catch (error) {
        throw asStorageError(error, `s3://${bucket}/${key}`);
      }
    },
    async url(sha256, extension, seconds) {
      const session = await open();
      const key = session.keyOf(nameOf(sha256, extension));
      try {
        return await session.presign({ Bucket: session.bucket, Key: key }, seconds);
      } catch (error) {
        throw asStorageError(error, `s3://${session.bucket}/${key}`);
      }
    },
  };
}

/** Returns whether the key has this image, no object, or another object, which is never replaced. */
async function findInput(
  { sdk, client, bucket }: S3Session,
  key: string,
  sha256: string,
  size: number,
): Promise<'same' | 'none' | 'other'> {
  try {
    const head = await client.send(new sdk.HeadObjectCommand({ Bucket: bucket, Key: key }));
    if (head.ContentLength !== size) return 'other';
    if (head.Metadata?.['sha256'] === sha256) return 'same';
    const { Body } = await client.send(new sdk.GetObjectCommand({ Bucket: bucket, Key: key }));
    const bytes = (await Body?.transformToByteArray()) ?? Buffer.alloc(0);
    return createHash('sha256').update(bytes).digest('hex') === sha256 ? 'same' : 'other';
  } catch (error) {
    if (isHidden(error)) return 'none';
    throw error;
  }
}

function nameOf(sha256: string, extension: string): string {
  return `inputs/${sha256}.${extension}`;
}
