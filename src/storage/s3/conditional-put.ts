import { NameError, type Bytes } from '../storage.ts';
import { asStorageError, isBadRequest, isHidden, isPrecondition } from './errors.ts';
import type { S3Session } from './session.ts';
import { upload, type Upload } from './upload.ts';

/**
 * Returns whether the service supports `If-None-Match: *`: it must refuse the second PUT of a probe. Other services
 * ignore the header or refuse it, and need a HEAD before each PUT instead.
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
    // Storing clips does not require the permission to delete; without it the probe remains.
    await client.send(new sdk.DeleteObjectCommand(request)).catch(() => {});
  }
}

/**
 * Stores an object under a free key.
 * @param options.mine returns whether an existing object is of the same task, by its metadata
 * @returns its size in bytes
 * @throws NameError if another object has the key; Error if an object of the same task has it; and as `upload`
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
    if (metadata && !mine(metadata)) throw new NameError('taken', `${where} already exists and is not changed`);
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
    // The service may have refused the request before all bytes were read, so their hash is unknown: the next run of
    // the step recovers the object.
    throw new Error(`${where} already has this clip`, { cause: error });
  }
}

/** Returns `undefined` if there is no such object, or if the service hides that. */
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
    // The answer to a HEAD has no body with the reason; the answer to the PUT that follows has one.
    if (isHidden(error) || isBadRequest(error)) return undefined;
    throw asStorageError(error, `s3://${bucket}/${key}`);
  }
}
