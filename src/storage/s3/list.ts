import type { ListedFile } from '../storage.ts';
import { asStorageError } from './errors.ts';
import type { S3Session } from './session.ts';

/** Lists the objects below `folder`/, up to 1,000 per page. @throws StorageError */
export async function* listObjects(
  { sdk, client, bucket, keyOf }: S3Session,
  folder: string,
  signal?: AbortSignal,
): AsyncGenerator<ListedFile[]> {
  const root = keyOf('');
  const request = { Bucket: bucket, Prefix: keyOf(`${folder}/`) };
  for (let token: string | undefined; ;) {
    const list = new sdk.ListObjectsV2Command({ ...request, ...(token !== undefined && { ContinuationToken: token }) });
    const page = await client
      .send(list, signal ? { abortSignal: signal } : {})
      .catch((error: unknown) => fail(error, bucket, request.Prefix, signal));
    const files = (page.Contents ?? []).flatMap(({ Key = '', Size = 0 }) =>
      Key.startsWith(root) ? [{ name: Key.slice(root.length), size: Size }] : [],
    );
    if (files.length > 0) yield files;
    if (page.IsTruncated !== true || page.NextContinuationToken === undefined) return;
    token = page.NextContinuationToken;
  }
}

/** Lists the folders below the prefix: the parts of all keys up to the first "/". @throws StorageError */
export async function listPrefixes(session: S3Session, signal?: AbortSignal): Promise<string[]> {
  const { sdk, client, bucket, keyOf } = session;
  const root = keyOf('');
  const request = { Bucket: bucket, Prefix: root, Delimiter: '/' };
  const names: string[] = [];
  for (let token: string | undefined; ;) {
    const list = new sdk.ListObjectsV2Command({ ...request, ...(token !== undefined && { ContinuationToken: token }) });
    const page = await client
      .send(list, signal ? { abortSignal: signal } : {})
      .catch((error: unknown) => fail(error, bucket, root, signal));
    for (const { Prefix = '' } of page.CommonPrefixes ?? []) names.push(Prefix.slice(root.length, -1));
    if (page.IsTruncated !== true || page.NextContinuationToken === undefined) return names;
    token = page.NextContinuationToken;
  }
}

function fail(error: unknown, bucket: string, prefix: string, signal?: AbortSignal): never {
  signal?.throwIfAborted();
  throw asStorageError(error, `s3://${bucket}/${prefix}`);
}
