import { NameError, type Bytes } from '../storage.ts';
import { asStorageError, isBadRequest, isHidden, isPrecondition } from './errors.ts';
import type { S3Session } from './session.ts';
import { upload, type Upload } from './upload.ts';

/**
 * Finds out whether the service honours `If-None-Match: *`: a second PUT of a probe must be refused. Services
 * that do not know the header ignore it or refuse it, and are asked by HEAD before each PUT instead.
 */
export async function supportsConditionalPut({ sdk, client, bucket }: S3Session, probeKey: string): Promise<boolean> {
  const request = { Bucket: bucket, Key: probeKey };
  const conditional = () => client.send(new sdk.PutObjectCommand({ ...request, Body: 'probe', IfNoneMatch: '*' }));
  try {
    await conditional();
    return await conditional().then(() => false, isPrecondition);
  } catch {
    return false;
  } finally {
    // Clips are stored without the right to delete; the probe then stays.
    await client.send(new sdk.DeleteObjectCommand(request)).catch(() => {});
  }
}

/**
 * Stores an object under a key that nothing has, or that holds the result of the same task.
 * @param mine whether an object is the same, by its metadata
 * @returns its size
 * @throws NameError when another object has the key, and as `upload`
 */
export async function putIfAbsent(
  session: S3Session,
  what: Upload,
  body: Bytes,
  options: {
    conditional: boolean;
    mine: (metadata: Record<string, string>) => boolean;
    signal?: AbortSignal | undefined;
  },
): Promise<number> {
  const { conditional, mine, signal } = options;
  const where = `s3://${session.bucket}/${what.key}`;
  const found = async () => {
    const metadata = await metadataOf(session, what.key, signal);
    if (metadata && !mine(metadata)) throw new NameError('taken', `${where} is there already, and is left as it is`);
    return metadata;
  };
  if (!conditional) {
    await found();
    return upload(session, what, body, signal);
  }
  try {
    return await upload(session, { ...what, onlyIfAbsent: true }, body, signal);
  } catch (error) {
    if (!(error instanceof Error) || !isPrecondition(error.cause)) throw error;
    await found();
    // The service may have refused it before all bytes were read, so their hash is unknown: the next try of the
    // item recovers the object.
    throw new Error(`${where} holds this clip already`, { cause: error });
  }
}

/** `undefined` when there is no such object, or when the service hides that. */
async function metadataOf(
  { sdk, client, bucket }: S3Session,
  key: string,
  signal: AbortSignal | undefined,
): Promise<Record<string, string> | undefined> {
  try {
    const head = new sdk.HeadObjectCommand({ Bucket: bucket, Key: key });
    return (await client.send(head, signal ? { abortSignal: signal } : {})).Metadata ?? {};
  } catch (error) {
    signal?.throwIfAborted();
    // The answer to a HEAD has no body with the reason; that to the PUT has one.
    if (isHidden(error) || isBadRequest(error)) return undefined;
    throw asStorageError(error, `s3://${bucket}/${key}`);
  }
}
