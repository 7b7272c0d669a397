import type { PutObjectCommandInput } from '@aws-sdk/client-s3';
import { StorageError, type Bytes } from '../storage.ts';
import type { S3Session } from './session.ts';
import { Transfer } from '../transfer.ts';
import { asStorageError, isMissing } from './errors.ts';

/** The largest PutObject of every service, in bytes. */
const MOST_IN_ONE_PUT = 5_000_000_000;
/** The least that a part may have. */
const LEAST_PART = 5 * 1024 * 1024;
/** Longest time to remove the parts of an aborted upload, in milliseconds: the service may not answer. */
const TIDY_MS = 3_000;
/** Swift takes no more by default; others take ten times as many. */
const MOST_PARTS = 1_000;

export interface Upload {
  key: string;
  /** Bytes, where they are known beforehand. */
  length: number | undefined;
  contentType: string;
  /** Absent: caches decide. */
  cacheControl?: string;
  /** Values may hold anything; they are percent-encoded, as headers are ASCII. */
  metadata?: Record<string, string>;
  /** The service refuses the request when the object exists by then (412). */
  onlyIfAbsent?: boolean;
}

/**
 * Stores a stream as one object, in one request where its length is known.
 * @returns its size as the service has it, which is what was sent
 * @throws StorageError, or what the stream threw, or the reason of the signal
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
    if (what.length !== undefined && what.length <= MOST_IN_ONE_PUT) {
      await putOnce(session, { ...request, ContentLength: what.length }, transfer, body);
    } else {
      await putParts(session, request, what.length, transfer, body);
    }
    const kept = await sizeOf(session, what.key, signal);
    if (kept !== transfer.sent) {
      throw new StorageError(`${where}: ${transfer.sent} bytes were sent, and it has ${kept ?? 'no object'}`);
    }
    return kept;
  } catch (error) {
    throw transfer.blame(error, (own) => asStorageError(own, where));
  } finally {
    transfer.end();
  }
}

/** The SDK only pipes a stream into its request: an error of the stream has to end the request. */
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
 * In parts of equal size, one at a time: sixteen downloads with several parts each in memory would
 * hold hundreds of megabytes. The upload is given up by an error of its stream, and by its own abort only
 * when that does not end it: an abort leaves the parts behind when the source is silent.
 */
async function putParts(
  { client }: S3Session,
  request: PutObjectCommandInput,
  length: number | undefined,
  transfer: Transfer,
  body: Bytes,
): Promise<void> {
  const { Upload } = await import('@aws-sdk/lib-storage');
  const partSize = Math.max(LEAST_PART, Math.ceil((length ?? 0) / MOST_PARTS));
  const stream = transfer.stream(body);
  const parts = new Upload({ client, params: { ...request, Body: stream }, partSize, queueSize: 1 });
  let tidying: NodeJS.Timeout | undefined;
  const giveUp = () => {
    tidying = setTimeout(() => void parts.abort(), TIDY_MS);
  };
  transfer.signal.addEventListener('abort', giveUp, { once: true });
  try {
    await parts.done();
  } finally {
    transfer.signal.removeEventListener('abort', giveUp);
    clearTimeout(tidying);
    stream.destroy();
  }
}

/** @returns `undefined` when there is no such object */
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
