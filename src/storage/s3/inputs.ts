import type { InputStore } from '../storage.ts';
import type { S3Session } from './session.ts';
import { asTrouble, isHidden } from './errors.ts';
import { sizeOf } from './upload.ts';

/** Pictures under `inputs/` of the prefix, each once. */
export function createS3Inputs(open: () => Promise<S3Session>): InputStore {
  return {
    async put(sha256, extension, contentType, bytes) {
      const session = await open();
      const { sdk, client, bucket } = session;
      const key = session.keyOf(nameOf(sha256, extension));
      try {
        const kept = await sizeOf(session, key).catch((error: unknown) => {
          if (isHidden(error)) return undefined;
          throw error;
        });
        if (kept === bytes.length) return;
        const request = { Bucket: bucket, Key: key, ContentType: contentType, Body: bytes };
        await client.send(new sdk.PutObjectCommand(request));
      } catch (error) {
        throw asTrouble(error, `s3://${bucket}/${key}`);
      }
    },
    async url(sha256, extension, seconds) {
      const session = await open();
      const key = session.keyOf(nameOf(sha256, extension));
      try {
        return await session.presign({ Bucket: session.bucket, Key: key }, seconds);
      } catch (error) {
        throw asTrouble(error, `s3://${session.bucket}/${key}`);
      }
    },
  };
}

function nameOf(sha256: string, extension: string): string {
  return `inputs/${sha256}.${extension}`;
}
