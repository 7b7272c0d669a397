import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { createS3Storage } from '../../src/storage/s3/storage.ts';
import type { S3Options } from '../../src/storage/s3/session.ts';
import { readText, StorageError, type ClipFacts } from '../../src/storage/storage.ts';
import { startS3Proxy } from '../support/s3-proxy.ts';
import { startS3Server } from '../support/s3-server.ts';
import { sizeOf } from '../support/stored-size.ts';

const server = await startS3Server();
afterAll(() => server?.stop());

const MB = 1024 * 1024;
const chunk = Buffer.alloc(65_536, 'clip');
const facts: ClipFacts = { length: undefined, batch: 'b', id: 'ü 1', taskId: 'task:ñ' };

/** Yields `size` bytes, then calls `end`. */
async function* bytes(size: number, end?: () => Promise<void>): AsyncGenerator<Buffer> {
  for (let left = size; left > 0; left -= chunk.length) yield chunk.subarray(0, Math.min(left, chunk.length));
  await end?.();
}

const broken = () => Promise.reject(new Error('the source broke'));

let folders = 0;

describe.skipIf(!server)('storing on S3', () => {
  function open(change: Partial<S3Options> = {}) {
    const { endpoint = '', region = '', accessKeyId = '', secretAccessKey = '', bucket = '' } = server ?? {};
    const credentials = { accessKeyId, secretAccessKey };
    folders += 1;
    const prefix = `folder ${folders}/ü`;
    const options = { bucket, prefix, endpoint, forcePathStyle: true, credentials, ...change };
    const storage = createS3Storage(options);
    const client = new S3Client({ endpoint, region, forcePathStyle: true, credentials });
    onTestFinished(async () => {
      await storage.close();
      client.destroy();
    });
    const uploads = async () => {
      const { Uploads } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: prefix }));
      return Uploads?.length ?? 0;
    };
    const objects = async () => {
      const { Contents } = await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix }));
      return Contents?.map(({ Key }) => Key?.slice(prefix.length + 1)) ?? [];
    };
    return { storage, client, bucket, prefix, uploads, objects };
  }

  it('stores a clip of known length in one request, with its type and metadata', async () => {
    const proxy = await startS3Proxy(server?.endpoint ?? '');
    const { storage, client, bucket, prefix } = open({ endpoint: proxy.endpoint });
    const stored = await storage.put('a/ü b.mp4', bytes(3 * MB), { ...facts, length: 3 * MB });
    expect(stored).toEqual({ location: `s3://${bucket}/${prefix}/a/ü b.mp4`, size: 3 * MB });
    const object = await client.send(new GetObjectCommand({ Bucket: bucket, Key: `${prefix}/a/ü b.mp4` }));
    expect(object.ContentType).toBe('video/mp4');
    expect(object.Metadata).toEqual({ batch: 'b', id: '%C3%BC%201', taskid: 'task%3A%C3%B1' });
    const kept = Buffer.from((await object.Body?.transformToByteArray()) ?? []);
    expect(kept.equals(Buffer.alloc(3 * MB, 'clip'))).toBe(true);
    expect(await sizeOf(storage, 'a/ü b.mp4')).toBe(3 * MB);
    expect(await sizeOf(storage, 'a/none.mp4')).toBeUndefined();
  });

  it('stores a clip of unknown length in parts, and a small one in one request', async () => {
    const { storage, uploads, client, bucket, prefix } = open();
    expect((await storage.put('parts.mp4', bytes(12 * MB + 5), facts)).size).toBe(12 * MB + 5);
    const { Metadata } = await client.send(new HeadObjectCommand({ Bucket: bucket, Key: `${prefix}/parts.mp4` }));
    expect(Metadata).toMatchObject({ batch: 'b' });
    expect((await storage.put('small.mp4', bytes(100), facts)).size).toBe(100);
    expect(await uploads()).toBe(0);
  });

  it('forbids caches to serve old reports of a running batch', async () => {
    const { storage, client, bucket, prefix } = open();
    for (const text of ['old', 'new']) await storage.overwrite('index.html', bytes(1), `text/${text}`);
    const page = await client.send(new GetObjectCommand({ Bucket: bucket, Key: `${prefix}/index.html` }));
    expect(page).toMatchObject({ ContentType: 'text/new', CacheControl: 'no-cache', ContentLength: 1 });
  });

  it('abandons a report while the service does not answer', async () => {
    const proxy = await startS3Proxy(server?.endpoint ?? '');
    const { storage, objects } = open({ endpoint: proxy.endpoint });
    const giveUp = new AbortController();
    const reason = new Error('draining');
    proxy.fault = () => {
      giveUp.abort(reason);
      return 'silence';
    };
    await expect(storage.overwrite('index.html', bytes(1), 'text/html', giveUp.signal)).rejects.toBe(reason);
    expect(await objects()).toEqual([]);
  });

  it('keeps nothing of a source that breaks, and throws its error', async () => {
    const { storage, uploads, objects } = open();
    await expect(storage.put('a.mp4', bytes(2 * MB, broken), { ...facts, length: 3 * MB })).rejects.toThrow(
      'the source broke',
    );
    await expect(storage.put('a.mp4', bytes(11 * MB, broken), facts)).rejects.toThrow('the source broke');
    expect(await objects()).toEqual([]);
    expect(await uploads()).toBe(0);
  });

  it('keeps nothing of an aborted clip, even while its source is silent', async () => {
    const { storage, uploads, objects } = open();
    for (const length of [30 * MB, undefined]) {
      const giveUp = new AbortController();
      const reason = new Error('draining');
      const silent = () => new Promise<void>(() => giveUp.abort(reason));
      const put = storage.put('a.mp4', bytes(11 * MB, silent), { ...facts, length }, giveUp.signal);
      await expect(put).rejects.toBe(reason);
    }
    expect(await objects()).toEqual([]);
    expect(await uploads()).toBe(0);
  });

  it.each([true, false])('replaces no object that it did not store (If-None-Match honoured: %s)', async (honoured) => {
    const proxy = await startS3Proxy(server?.endpoint ?? '');
    const { storage, objects } = open({ endpoint: proxy.endpoint });
    proxy.conditions = honoured;
    await storage.put('a.mp4', bytes(100), { ...facts, length: 100 });
    const other = { ...facts, taskId: 'another', length: 70 };
    for (const length of [70, undefined]) {
      await expect(storage.put('a.mp4', bytes(70), { ...other, length })).rejects.toMatchObject({
        name: 'NameError',
        fault: 'taken',
      });
    }
    expect(await sizeOf(storage, 'a.mp4')).toBe(100);
    expect(await storage.create('b/owner.json', '1', 'application/json')).toBe(true);
    expect(await storage.create('b/owner.json', '2', 'application/json')).toBe(false);
    expect(await readText(storage, 'b/owner.json', 10)).toBe('1');
    expect(await readText(storage, 'b/none.json', 10)).toBeUndefined();
    expect(await storage.obstacle('a.mp4')).toBe('is the name of an existing object');
    expect(await storage.obstacle('c.mp4')).toBeUndefined();
    expect(await objects()).toEqual(['a.mp4', 'b/owner.json']);
  });

  it('never replaces an object that is not an input', async () => {
    const { storage, client, bucket, prefix } = open();
    const picture = Buffer.from('a picture');
    const sha256 = createHash('sha256').update(picture).digest('hex');
    const Key = `${prefix}/inputs/${sha256}.png`;
    for (const Body of ['another one', 'a Picture']) {
      await client.send(new PutObjectCommand({ Bucket: bucket, Key, Body }));
      await expect(storage.inputs?.put(sha256, 'png', 'image/png', picture)).rejects.toThrow('is another file');
    }
    await client.send(new PutObjectCommand({ Bucket: bucket, Key, Body: picture }));
    await storage.inputs?.put(sha256, 'png', 'image/png', picture);
  });

  it('replaces an object on request', async () => {
    const { storage } = open();
    await storage.put('a.mp4', bytes(10), { ...facts, taskId: 'other' });
    await storage.put('a.mp4', bytes(20), { ...facts, replace: true });
    expect(await sizeOf(storage, 'a.mp4')).toBe(20);
  });

  it('lists a folder, and the folders of its prefix', async () => {
    const { storage } = open();
    for (const name of ['b/1.mp4', 'b/x/ü 2.mp4', 'bb/3.mp4', 'top.mp4']) await storage.put(name, bytes(5), facts);
    const found = [];
    for await (const page of storage.list('b')) found.push(...page);
    expect(found).toEqual([
      { name: 'b/1.mp4', size: 5 },
      { name: 'b/x/ü 2.mp4', size: 5 },
    ]);
    for await (const page of storage.list('none')) expect(page).toEqual([]);
    expect(await storage.folders()).toEqual(['b', 'bb']);
  });

  it('reports which names a key may have', async () => {
    const { storage, prefix } = open();
    const rules = await storage.nameRules();
    const most = 1_014 - Buffer.byteLength(prefix) - 1;
    expect(rules.fault('x'.repeat(most))).toBeUndefined();
    expect(rules.fault('x'.repeat(most + 1))).toContain('a key of 1015 bytes');
    await expect(storage.put('x/'.repeat(600), bytes(1), facts)).rejects.toMatchObject({ name: 'NameError' });
    await expect(storage.put('x'.repeat(1_200), bytes(1), { ...facts, length: 1 })).rejects.toMatchObject({
      name: 'NameError',
      fault: 'unusable',
    });
  });

  it('recovers only the clip that an earlier run stored for the task', async () => {
    const { storage } = open();
    expect(await storage.recover('a.mp4', 'task:ñ')).toBeUndefined();
    const { location } = await storage.put('a.mp4', bytes(200), { ...facts, length: 200 });
    const sha256 = createHash('sha256').update(chunk.subarray(0, 200)).digest('hex');
    expect(await storage.recover('a.mp4', 'task:ñ')).toEqual({ location, size: 200, sha256 });
    expect(await storage.recover('a.mp4', 'other')).toBeUndefined();
  });

  it('reports errors of the service as errors of the storage', async () => {
    const proxy = await startS3Proxy(server?.endpoint ?? '');
    const { storage } = open({ endpoint: proxy.endpoint, silenceMs: 300 });
    const put = (length: number | undefined) => storage.put('a.mp4', bytes(11 * MB), { ...facts, length });
    proxy.fault = ({ method }) => (method === 'PUT' ? { status: 503, code: 'SlowDown' } : undefined);
    await expect(put(11 * MB)).rejects.toThrow(StorageError);
    proxy.fault = ({ url }) => (url?.includes('partNumber=2') ? { status: 403, code: 'AccessDenied' } : undefined);
    await expect(put(undefined)).rejects.toMatchObject({
      name: 'StorageError',
      cure: expect.stringContaining('s3:PutObject') as string,
    });
    proxy.fault = () => 'silence';
    await expect(put(11 * MB)).rejects.toThrow(StorageError);
  });

  it('does not report a silent source or an error of one object as an error of the storage', async () => {
    const proxy = await startS3Proxy(server?.endpoint ?? '');
    const { storage } = open({ endpoint: proxy.endpoint, silenceMs: 200 });
    const silent = bytes(100, () => sleep(60_000, undefined, { ref: false }));
    await expect(storage.put('a.mp4', silent, { ...facts, length: 200 })).rejects.not.toThrow(StorageError);
    proxy.fault = () => ({ status: 400, code: 'IncompleteBody' });
    await expect(storage.put('a.mp4', bytes(10), { ...facts, length: 10 })).rejects.not.toThrow(StorageError);
    for (const code of ['KeyTooLongError', 'InvalidURI', 'XMinioInvalidObjectName']) {
      proxy.fault = () => ({ status: 400, code });
      await expect(storage.put('a.mp4', bytes(10), { ...facts, length: 10 })).rejects.toMatchObject({
        name: 'NameError',
        fault: 'unusable',
      });
    }
  });

  it.each([
    ['a secret that is wrong', { credentials: { accessKeyId: 'test:tester', secretAccessKey: 'no' } }, /ACCESS_KEY/],
    ['a bucket that is not there', { bucket: 'nowhere-to-be-found' }, /Create the bucket/],
    ['an endpoint where nothing listens', { endpoint: 'http://127.0.0.1:9' }, /S3_ENDPOINT/],
  ])('gives a cure for %s', async (_what, change, cure) => {
    const { storage } = open(change);
    await expect(storage.check()).rejects.toMatchObject({
      name: 'UserError',
      message: expect.stringContaining('cannot write to s3://') as string,
      cure: expect.stringMatching(cure) as string,
    });
  });

  it('leaves no probe behind', async () => {
    const { storage, objects } = open();
    await storage.check();
    expect(await objects()).toEqual([]);
  });

  it('accepts that another process has removed the shared probe', async () => {
    const proxy = await startS3Proxy(server?.endpoint ?? '');
    const { storage } = open({ endpoint: proxy.endpoint });
    proxy.fault = ({ method }) => (method === 'HEAD' ? { status: 404, code: 'NotFound' } : undefined);
    await storage.check();
    proxy.fault = ({ method }) => (method === 'HEAD' ? { status: 403, code: 'Forbidden' } : undefined);
    await expect(storage.check()).rejects.toThrow('cannot write to s3://');
  });

  it('stores an input once, and signs a URL that needs no credentials', async () => {
    const proxy = await startS3Proxy(server?.endpoint ?? '');
    const { storage, objects } = open({ endpoint: proxy.endpoint });
    const picture = Buffer.from('a picture');
    const sha256 = createHash('sha256').update(picture).digest('hex');
    await storage.inputs?.put(sha256, 'png', 'image/png', picture);
    await storage.inputs?.put(sha256, 'png', 'image/png', picture);
    expect(proxy.requests.filter((line) => line.startsWith('PUT'))).toHaveLength(1);
    expect(await objects()).toEqual([`inputs/${sha256}.png`]);
    const url = await storage.inputs?.url(sha256, 'png', 60);
    const answer = await fetch(url ?? '');
    expect(answer.headers.get('content-type')).toBe('image/png');
    expect(await answer.text()).toBe('a picture');
  });

  it('sweeps old unfinished uploads, below its prefix only', async () => {
    const { storage, client, bucket, prefix, uploads } = open();
    const begin = (Key: string) => client.send(new CreateMultipartUploadCommand({ Bucket: bucket, Key }));
    await begin(`${prefix}/a.mp4`);
    await begin(`${prefix}/b/c.mp4`);
    await begin(`${prefix}-other/a.mp4`);
    expect(await storage.leftovers.sweep(60_000)).toBe(0);
    // The clock of the service has seconds, and may be ahead.
    expect(await storage.leftovers.sweep(-60_000)).toBe(2);
    // The upload below the other prefix, which begins with the same characters.
    expect(await uploads()).toBe(1);
  });

  it('sweeps the others if one of them has ended in the meantime', async () => {
    const proxy = await startS3Proxy(server?.endpoint ?? '');
    const { storage, client, bucket, prefix, uploads } = open({ endpoint: proxy.endpoint });
    for (const name of ['a', 'b', 'c']) {
      await client.send(new CreateMultipartUploadCommand({ Bucket: bucket, Key: `${prefix}/${name}.mp4` }));
    }
    proxy.fault = ({ method, url }) =>
      method === 'DELETE' && url?.includes('b.mp4') ? { status: 404, code: 'NoSuchUpload' } : undefined;
    expect(await storage.leftovers.sweep(-60_000)).toBe(2);
    expect(await uploads()).toBe(1);
  });

  it('sweeps nothing without a prefix', async () => {
    const { storage } = open({ prefix: '' });
    expect(await storage.leftovers.sweep(0)).toBe(0);
  });
});
