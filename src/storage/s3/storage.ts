import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { UserError } from '../../core/errors.ts';
import { StorageError, type Bytes, type ClipFacts, type Storage } from '../storage.ts';
import { createS3Inputs } from './inputs.ts';
import { createS3Leftovers } from './leftovers.ts';
import { openS3, type S3Options, type S3Session } from './session.ts';
import { asTrouble, isHidden, isMissing } from './errors.ts';
import { sizeOf, upload } from './upload.ts';

/** The same object for all processes, so that probes that may not be deleted do not add up. */
const PROBE = '.clipmill-probe';

/** Clips as objects below a prefix of a bucket. */
export function createS3Storage(options: S3Options): Storage {
  let opening: Promise<S3Session> | undefined;
  const open = () => (opening ??= openS3(options));
  const urlOf = (name: string) => `s3://${[options.bucket, options.prefix, name].filter(Boolean).join('/')}`;

  async function put(name: string, body: Bytes, facts: ClipFacts, signal?: AbortSignal) {
    const session = await open();
    const { length, batch, id, taskId } = facts;
    const what = {
      key: session.keyOf(name),
      length,
      contentType: 'video/mp4',
      metadata: { batch, id, taskid: taskId },
    };
    return { location: urlOf(name), size: await upload(session, what, body, signal) };
  }

  /** The clip's metadata names its task, and an object is whole or not there at all. */
  async function recover(name: string, taskId: string, signal?: AbortSignal) {
    const { sdk, client, bucket, keyOf } = await open();
    const request = { Bucket: bucket, Key: keyOf(name) };
    const sending = signal ? { abortSignal: signal } : {};
    try {
      const head = await client.send(new sdk.HeadObjectCommand(request), sending);
      const size = head.ContentLength ?? 0;
      if (head.Metadata?.['taskid'] !== encodeURIComponent(taskId)) return undefined;
      // Its hash was known only to the process that died.
      const { Body } = await client.send(new sdk.GetObjectCommand(request), sending);
      const found = await hashOf(Body instanceof Readable ? Body : Readable.from([]));
      return found.size === size ? { location: urlOf(name), ...found } : undefined;
    } catch (error) {
      signal?.throwIfAborted();
      if (isHidden(error)) return undefined;
      throw asTrouble(error, urlOf(name));
    }
  }

  async function check(): Promise<void> {
    const where = urlOf('');
    try {
      const { sdk, client, bucket, keyOf } = await open();
      const request = { Bucket: bucket, Key: keyOf(PROBE) };
      await client.send(new sdk.PutObjectCommand({ ...request, Body: Buffer.from('probe') }));
      await client.send(new sdk.HeadObjectCommand(request)).catch((error: unknown) => {
        // Another process that checks at the same time has removed it since.
        if (!isMissing(error)) throw error;
      });
      // Clips are stored without the right to delete; the probe is then left behind.
      await client.send(new sdk.DeleteObjectCommand(request)).catch(() => {});
    } catch (error) {
      const trouble = asTrouble(error, `cannot write to ${where}`);
      if (!(trouble instanceof StorageError)) throw trouble;
      throw new UserError(trouble.message, {
        cure: trouble.cure ?? 'See that the service works, or set CLIPMILL_STORAGE to another place.',
        cause: error,
      });
    }
  }

  return {
    put,
    recover,
    check,
    async putPage(name, body, contentType, signal) {
      const session = await open();
      // It changes while its batch goes on.
      const what = { key: session.keyOf(name), length: undefined, contentType, cacheControl: 'no-cache' };
      await upload(session, what, body, signal);
      return { location: urlOf(name) };
    },
    async size(name) {
      const session = await open();
      return sizeOf(session, session.keyOf(name)).catch((error: unknown) => {
        throw asTrouble(error, urlOf(name));
      });
    },
    locate: urlOf,
    inputs: createS3Inputs(open),
    leftovers: createS3Leftovers(options, open),
    async close() {
      (await opening?.catch(() => undefined))?.close();
    },
  };
}

async function hashOf(body: AsyncIterable<Uint8Array>): Promise<{ size: number; sha256: string }> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of body) {
    hash.update(chunk);
    size += chunk.length;
  }
  return { size, sha256: hash.digest('hex') };
}
