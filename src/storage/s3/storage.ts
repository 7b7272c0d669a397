import { createHash, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { UserError } from '../../core/errors.ts';
import { RESERVED_BYTES, requireSafeName } from '../safe-names.ts';
import { NameError, StorageError, type Bytes, type ClipFacts, type Storage } from '../storage.ts';
import { supportsConditionalPut, putIfAbsent } from './conditional-put.ts';
import { createS3Inputs } from './inputs.ts';
import { createIncompleteUploads } from './incomplete-uploads.ts';
import { listObjects, listPrefixes } from './list.ts';
import { openS3, type S3Options, type S3Session } from './session.ts';
import { asStorageError, isHidden, isMissing } from './errors.ts';
import { sizeOf, upload } from './upload.ts';

/** Maximum length of a key on every service, prefix included, in bytes. */
const MAX_KEY = 1_024;

/** Creates a storage of objects below a prefix of a bucket. */
export function createS3Storage(options: S3Options): Storage {
  let opening: Promise<S3Session> | undefined;
  const open = () => (opening ??= openS3(options));
  const urlOf = (name: string) => `s3://${[options.bucket, options.prefix, name].filter(Boolean).join('/')}`;
  // One name per process: it replaces no other object, and probes that cannot be deleted do not accumulate.
  const probe = `.clipmill-probe-${randomUUID()}`;
  let conditional: Promise<boolean> | undefined;
  const isConditional = (session: S3Session) =>
    (conditional ??= supportsConditionalPut(session, session.keyOf(`${probe}-new`)));

  async function put(name: string, body: Bytes, facts: ClipFacts, signal?: AbortSignal) {
    requireSafeName(name);
    const session = await open();
    const { length, batch, id, taskId, replace = false } = facts;
    const what = {
      key: session.keyOf(name),
      length,
      contentType: 'video/mp4',
      metadata: { batch, id, taskid: taskId },
    };
    if (replace) return { location: urlOf(name), size: await upload(session, what, body, signal) };
    const mine = (metadata: Record<string, string>) => metadata['taskid'] === encodeURIComponent(taskId);
    const size = await putIfAbsent(session, what, body, { conditional: await isConditional(session), mine, signal });
    return { location: urlOf(name), size };
  }

  async function create(name: string, text: string, contentType: string, signal?: AbortSignal): Promise<boolean> {
    const session = await open();
    const bytes = Buffer.from(text);
    const what = { key: session.keyOf(name), length: bytes.length, contentType };
    try {
      const settings = { conditional: await isConditional(session), mine: () => false, signal };
      await putIfAbsent(session, what, Readable.from([bytes]), settings);
      return true;
    } catch (error) {
      if (error instanceof NameError && error.fault === 'taken') return false;
      throw error;
    }
  }

  async function stat(name: string, signal?: AbortSignal): Promise<{ size: number } | undefined> {
    const session = await open();
    try {
      const size = await sizeOf(session, session.keyOf(name), signal);
      return size === undefined ? undefined : { size };
    } catch (error) {
      signal?.throwIfAborted();
      throw asStorageError(error, `cannot read ${urlOf(name)}`);
    }
  }

  async function read(name: string, signal?: AbortSignal): Promise<AsyncIterable<Uint8Array> | undefined> {
    const { sdk, client, bucket, keyOf } = await open();
    try {
      const request = new sdk.GetObjectCommand({ Bucket: bucket, Key: keyOf(name) });
      const { Body } = await client.send(request, signal ? { abortSignal: signal } : {});
      return Body instanceof Readable ? piecesOf(Body, urlOf(name)) : undefined;
    } catch (error) {
      signal?.throwIfAborted();
      if (isHidden(error)) return undefined;
      throw asStorageError(error, `cannot read ${urlOf(name)}`);
    }
  }

  /** Recovers a clip by its metadata, which names its task. An object is never partial. */
  async function recover(name: string, taskId: string, signal?: AbortSignal) {
    const { sdk, client, bucket, keyOf } = await open();
    const request = { Bucket: bucket, Key: keyOf(name) };
    const sending = signal ? { abortSignal: signal } : {};
    try {
      const head = await client.send(new sdk.HeadObjectCommand(request), sending);
      const size = head.ContentLength ?? 0;
      if (head.Metadata?.['taskid'] !== encodeURIComponent(taskId)) return undefined;
      // Only the process that died knew its hash.
      const { Body } = await client.send(new sdk.GetObjectCommand(request), sending);
      const found = await hashOf(Body instanceof Readable ? Body : Readable.from([]));
      return found.size === size ? { location: urlOf(name), ...found } : undefined;
    } catch (error) {
      signal?.throwIfAborted();
      if (isHidden(error)) return undefined;
      throw asStorageError(error, `cannot read ${urlOf(name)}`);
    }
  }

  async function check(): Promise<void> {
    const where = urlOf('');
    try {
      const { sdk, client, bucket, keyOf } = await open();
      const request = { Bucket: bucket, Key: keyOf(probe) };
      await client.send(new sdk.PutObjectCommand({ ...request, Body: Buffer.from('probe') }));
      await client.send(new sdk.HeadObjectCommand(request)).catch((error: unknown) => {
        // A lifecycle rule may have removed it since.
        if (!isMissing(error)) throw error;
      });
      // Storing clips does not require the permission to delete; without it the probe remains.
      await client.send(new sdk.DeleteObjectCommand(request)).catch(() => {});
    } catch (error) {
      const failure = asStorageError(error, `cannot write to ${where}`);
      if (!(failure instanceof StorageError)) throw failure;
      throw new UserError(failure.message, {
        cure: failure.cure ?? 'Check that the service works, or set CLIPMILL_STORAGE to another place.',
        cause: error,
      });
    }
  }

  return {
    put,
    recover,
    check,
    async overwrite(name, body, contentType, signal) {
      const session = await open();
      // A report changes while its batch is in progress.
      const what = { key: session.keyOf(name), length: undefined, contentType, cacheControl: 'no-cache' };
      await upload(session, what, body, signal);
      return { location: urlOf(name) };
    },
    create,
    async *list(folder, signal) {
      yield* listObjects(await open(), folder, signal);
    },
    folders: async (signal) => listPrefixes(await open(), signal),
    stat,
    read,
    nameRules: () =>
      Promise.resolve({
        fault(name) {
          const bytes = Buffer.byteLength(options.prefix === '' ? name : `${options.prefix}/${name}`);
          const most = MAX_KEY - RESERVED_BYTES;
          return bytes > most ? `makes a key of ${bytes} bytes with its prefix, and S3 accepts ${most}` : undefined;
        },
      }),
    async obstacle(name, signal) {
      try {
        return (await stat(name, signal)) && 'is the name of an existing object';
      } catch (error) {
        signal?.throwIfAborted();
        if (error instanceof StorageError && isHidden(error.cause)) return undefined;
        throw error;
      }
    },
    locate: urlOf,
    inputs: createS3Inputs(open),
    leftovers: createIncompleteUploads(options, open),
    async close() {
      (await opening?.catch(() => undefined))?.close();
    },
  };
}

async function* piecesOf(body: Readable, where: string): AsyncGenerator<Uint8Array> {
  try {
    yield* body as AsyncIterable<Uint8Array>;
  } catch (error) {
    throw asStorageError(error, where);
  }
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
