import type { PutObjectCommandInput } from '@aws-sdk/client-s3';
import { StorageError, type Bytes } from '../storage.ts';
import type { S3Session } from './session.ts';
import { Transfer } from '../transfer.ts';
import { asStorageError, isMissing } from './errors.ts';

/** Maximum size of a PutObject that every service accepts, in bytes. */
const MAX_PUT = 5_000_000_000;
/** Minimum size of a part, in bytes. */
const MIN_PART = 5 * 1024 * 1024;
/** How long a failed upload may take to remove its parts, in milliseconds: the service may not answer. */
const CLEANUP_MS = 3_000;
/** Maximum number of parts: the default of Swift; other services accept ten times as many. */
const MAX_PARTS = 1_000;

export interface Upload {
  key: string;
  /** Bytes, if they are known in advance. */
  length: number | undefined;
  contentType: string;
  /** Default: none. */
  cacheControl?: string;
  /** Values may have any characters; they are percent-encoded, because headers are ASCII. */
  metadata?: Record<string, string>;
  /** Lets the service refuse the request (412) if the object exists. */
  onlyIfAbsent?: boolean;
}

/**
 * Stores a stream as one object, in one request if its length is known.
 * @returns its size in bytes, which the service has confirmed
 * @throws StorageError, the error of the stream, or the reason of the signal
 */
export async function upload(session: S3Session, what: Upload, body: Bytes, signal?: AbortSignal): Promise<number> {
  const where = `s3://${session.bucket}/${what.key}`;
  const transfer = new Transfer(signal);
  const request = {
    Bucket: session.bucket,
    Key: what.key,
    ContentType: what.contentType,
    ...(what.cacheControl && { CacheControl: what.cacheControl }),
    ...(what.metadata && { Metadata: encodeValues(what.metadata) }),
    ...(what.onlyIfAbsent && { IfNoneMatch: '*' }),
  };
  try {
    if (what.length !== undefined && what.length <= MAX_PUT) {
      await putOnce(session, { ...request, ContentLength: what.length }, transfer, body);
    } else {
      await putParts(session, request, what.length, transfer, body);
    }
    const kept = await sizeOf(session, what.key, signal);
    if (kept !== transfer.sent) {
      throw new StorageError(`${where}: sent ${transfer.sent} bytes, the service has ${kept ?? 'no object'}`);
    }
    return kept;
  } catch (error) {
    throw transfer.causeOf(error, (own) => asStorageError(own, where));
  } finally {
    transfer.end();
  }
}

/** Sends one PutObject. The SDK does not end a request whose stream fails: the signal of the transfer does. */
async function putOnce(
  { sdk, client }: S3Session,
  request: PutObjectCommandInput,
  transfer: Transfer,
  body: Bytes,
): Promise<void> {
  const stream = transfer.stream(body);
  try {
    await client.send(new sdk.PutObjectCommand({ ...request, Body: stream }), { abortSignal: transfer.signal });
  } finally {
    stream.destroy();
  }
}

/**
 * Uploads parts of equal size, one at a time: 16 downloads with several parts each in memory would need hundreds of
 * megabytes. A failed transfer ends the upload by an error of its stream; if that does not end it, by its own abort,
 * which leaves the parts in the bucket while the source is silent.
 */
async function putParts(
  { client }: S3Session,
  request: PutObjectCommandInput,
  length: number | undefined,
  transfer: Transfer,
  body: Bytes,
): Promise<void> {
  const { Upload } = await import('@aws-sdk/lib-storage');
  const partSize = Math.max(MIN_PART, Math.ceil((length ?? 0) / MAX_PARTS));
  const stream = transfer.stream(body);
  const parts = new Upload({ client, params: { ...request, Body: stream }, partSize, queueSize: 1 });
  let cleanup: NodeJS.Timeout | undefined;
  const abortLater = () => {
    cleanup = setTimeout(() => void parts.abort(), CLEANUP_MS);
  };
  transfer.signal.addEventListener('abort', abortLater, { once: true });
  try {
    await parts.done();
  } finally {
    transfer.signal.removeEventListener('abort', abortLater);
    clearTimeout(cleanup);
    stream.destroy();
  }
}

/** Returns the size of an object in bytes; `undefined` if there is no such object. */
export async function sizeOf(
  { sdk, client, bucket }: S3Session,
  key: string,
  signal?: AbortSignal,
): Promise<number | undefined> {
  try {
    const head = new sdk.HeadObjectCommand({ Bucket: bucket, Key: key });
    return (await client.send(head, signal ? { abortSignal: signal } : {})).ContentLength;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function encodeValues(metadata: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata).map(([name, value]) => [name, encodeURIComponent(value)]));
}
