import { randomUUID } from 'node:crypto';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, inject, it, onTestFinished } from 'vitest';
import { loadConfig } from '../../src/config/config.ts';
import type { NewItem } from '../../src/ledger/intake.ts';
import { silentLogger } from '../../src/core/log.ts';
import { openApp } from '../../src/app.ts';
import { startSimulator } from '../../src/simulator/start-simulator.ts';
import type { SimulatorOptions } from '../../src/simulator/options.ts';
import { openStorage } from '../../src/storage/open-storage.ts';
import { clipmill, scaled, start, workFolder } from '../support/cli.ts';
import { images } from '../support/images.ts';
import { clip, clips } from '../support/harness.ts';
import { startS3Proxy } from '../support/s3-proxy.ts';
import { startS3Server } from '../support/s3-server.ts';
import { until } from '../support/until.ts';
import { sizeOf } from '../support/stored-size.ts';

const server = await startS3Server();
afterAll(() => server?.stop());

/** Settings for a separate folder in the bucket. */
function s3Settings(prefix: string): Record<string, string> {
  return {
    CLIPMILL_STORAGE: `s3://${server?.bucket}/${prefix}`,
    S3_ENDPOINT: server?.endpoint ?? '',
    S3_FORCE_PATH_STYLE: 'true',
    AWS_ACCESS_KEY_ID: server?.accessKeyId ?? '',
    AWS_SECRET_ACCESS_KEY: server?.secretAccessKey ?? '',
  };
}

function storageOf(env: Record<string, string>) {
  const storage = openStorage(loadConfig(env));
  onTestFinished(() => storage.close());
  return storage;
}

/** Starts a ledger with items, a simulator, and settings (with `change`) for workers that store on S3. */
async function prepare(items: readonly NewItem[], simulated: SimulatorOptions, change: Record<string, string> = {}) {
  const simulator = await startSimulator({ generationMs: { 5: [50, 80] }, ...simulated });
  const env = {
    APIXO_BASE_URL: simulator.url,
    REDIS_URL: inject('redisUrl'),
    CLIPMILL_PREFIX: `t-${randomUUID()}`,
    CLIPMILL_POLL_DELAY: '40ms',
    CLIPMILL_POLL_INTERVAL: '20ms',
    CLIPMILL_LOG_LEVEL: 'warn',
    ...s3Settings(randomUUID()),
    ...change,
  };
  const app = await openApp(loadConfig(env), { log: silentLogger() });
  onTestFinished(async () => {
    await app.close();
    await simulator.close();
  });
  await app.intake.add('b', { model: 'kling-2-6' }, items, false);
  const ended = () =>
    until(async () => {
      const batch = await app.queries.batch('b');
      return batch?.endedAt === null ? undefined : batch;
    }, 'the end of the batch');
  return { simulator, env, app, folder: await workFolder(), ended };
}

describe.skipIf(!server)('clipmill on S3', () => {
  it('stores the clips of a file in a bucket, with gallery and manifest', async () => {
    const simulator = await startSimulator({ speed: 50 });
    onTestFinished(() => simulator.close());
    const folder = await workFolder({
      'jobs.yaml': 'batch: six\njobs:\n  - {id: "clip-{n}", prompt: "clip {n}", matrix: {n: [1, 2, 3, 4, 5, 6]}}\n',
    });
    const env = { ...scaled(simulator.url, 50), ...s3Settings('run') };
    const { code, out, err } = await clipmill(['run', 'jobs.yaml'], folder, env).finished;
    expect(out).toBe(`six: 6 done of 6 clips\n  gallery: s3://${server?.bucket}/run/six/index.html\n`);
    expect(code, err).toBe(0);
    expect(err).not.toContain('Warning');
    const storage = storageOf(env);
    for (let n = 1; n <= 6; n += 1) expect(await sizeOf(storage, `six/clip-${n}.mp4`)).toBeGreaterThan(10_000);
    expect(await sizeOf(storage, 'six/manifest.jsonl')).toBeGreaterThan(100);
    expect(await sizeOf(storage, 'six/index.html')).toBeGreaterThan(1_000);
  });

  it('stores only the complete clip, after any faulty answers of the source', async () => {
    const kinds = ['html', 'short', '403', '404', '500', 'chunked', 'slow'];
    const items = kinds.map((kind, index) => clip(`clip-${kind}`, `a clip [file:${kind} x1]`, { index }));
    const { simulator, env, folder, ended } = await prepare(items, { clipBytes: 500_000 });
    start('workers/all.js', [], folder, env);
    expect((await ended()).counts).toMatchObject({ total: kinds.length, done: kinds.length });
    const { tasks, files } = simulator.records.summary();
    expect(tasks.billed).toBe(kinds.length);
    // Five of them were requested twice.
    expect(files.requests).toBeGreaterThanOrEqual(kinds.length + 5);
    const storage = storageOf(env);
    for (const { output } of items) expect(await sizeOf(storage, output), output).toBe(500_000);
  });

  it('gives local images to the API as URLs that need no credentials and expire', async () => {
    const simulator = await startSimulator({ speed: 50 });
    onTestFinished(() => simulator.close());
    const job = 'mode: image-to-video, image_files: [a.png]';
    const folder = await workFolder({ 'jobs.yaml': `jobs:\n  - {prompt: one, ${job}}\n  - {prompt: two, ${job}}\n` });
    await writeFile(join(folder, 'a.png'), images.png('pixels'));
    const env = { ...scaled(simulator.url, 50), ...s3Settings('images'), CLIPMILL_SIDECAR: 'true' };
    const { code, err } = await clipmill(['run', 'jobs.yaml'], folder, env).finished;
    expect(code, err).toBe(0);
    const urls = simulator.records.tasks().flatMap(({ input }) => (input as { image_urls: string[] }).image_urls);
    expect(urls).toHaveLength(2);
    for (const url of urls) {
      expect(url).toMatch(/images\/inputs\/[0-9a-f]{64}\.png\?.*X-Amz-Expires=2400&.*X-Amz-Signature=/);
      const answer = await fetch(url);
      expect(answer.headers.get('content-type')).toBe('image/png');
      expect(Buffer.from(await answer.arrayBuffer())).toEqual(images.png('pixels'));
    }
    // The same file with its image in another place yields the same clips.
    await mkdir(join(folder, 'moved'));
    await rename(join(folder, 'a.png'), join(folder, 'moved/b.png'));
    const moved = job.replace('a.png', 'moved/b.png');
    await writeFile(join(folder, 'jobs.yaml'), `jobs:\n  - {prompt: one, ${moved}}\n  - {prompt: two, ${moved}}\n`);
    const again = await clipmill(['run', 'jobs.yaml'], folder, env).finished;
    expect(again.err).toContain('submitting 0 new clips (2 existing clips)');
    expect(simulator.records.summary().requests.create).toBe(2);
  });

  it('reports a fault of the bucket at once, and sends nothing', async () => {
    const simulator = await startSimulator();
    onTestFinished(() => simulator.close());
    const folder = await workFolder({ 'jobs.yaml': 'jobs: [{prompt: a}]\n' });
    const env = { ...scaled(simulator.url, 50), ...s3Settings('x'), AWS_SECRET_ACCESS_KEY: 'wrong-secret' };
    const { code, err } = await clipmill(['run', 'jobs.yaml'], folder, env).finished;
    expect(code).toBe(2);
    expect(err).toMatch(/^error: cannot (read|write to) s3:\/\/.*\n {2}Check AWS_ACCESS_KEY_ID/m);
    expect(err).not.toContain('wrong-secret');
    expect(simulator.records.summary().requests.create).toBe(0);
  });

  it('continues after a worker was killed while storing, and downloads only what is missing', async () => {
    const killedWithin = async () => {
      // Each clip takes two seconds to download.
      const items = [1, 2, 3, 4].map((n) => clip(`slow-${n}`, `a ${n} [file:slow x1]`, { index: n }));
      const { simulator, env, folder, ended } = await prepare(items, { clipBytes: 2_000_000 });
      const victim = start('workers/all.js', [], folder, env);
      await until(() => simulator.records.summary().files.requests >= 4, 'downloads');
      victim.child.kill('SIGKILL');
      await victim.finished;
      const storage = storageOf(env);
      expect(await sizeOf(storage, 'clips/slow-1.mp4')).toBeUndefined();
      start('workers/all.js', [], folder, env);
      expect((await ended()).counts).toMatchObject({ total: 4, done: 4 });
      for (const { output } of items) expect(await sizeOf(storage, output)).toBe(2_000_000);
    };
    const killedAfter = async () => {
      const { simulator, env, app, folder, ended } = await prepare(clips(6), {});
      const victim = start('test/processes/faulty-worker.js', [], folder, {
        ...env,
        KILL_AT: 'after-stored',
        KILL_NTH: '3',
        CLIPMILL_DOWNLOADS: '1',
      });
      await victim.finished;
      const fetched = simulator.records.summary().files.requests;
      const storage = storageOf(env);
      const sizes = await Promise.all(clips(6).map(({ output }) => sizeOf(storage, output)));
      const missing = sizes.filter((size) => size === undefined).length;
      // The third clip is stored, although that is not recorded. The fourth may be too: it began while the third was uploaded.
      expect(missing).toBeLessThanOrEqual(3);
      start('workers/all.js', [], folder, env);
      expect((await ended()).counts).toMatchObject({ total: 6, done: 6 });
      // The bucket may complete an upload after the kill, so that less is missing than was seen.
      expect(simulator.records.summary().files.requests).toBeLessThanOrEqual(fetched + missing);
      for await (const item of app.queries.items('b')) {
        expect(await sizeOf(storage, item.output)).toBe(item.size);
        expect(item.sha256).toMatch(/^[\da-f]{64}$/);
      }
    };
    const killedBetweenParts = async () => {
      const items = [clip('parts', 'a [file:chunked]', { index: 1 })];
      const proxy = await startS3Proxy(server?.endpoint ?? '');
      let stuck = true;
      const second = new Promise<void>((seen) => {
        proxy.fault = ({ url = '' }) => {
          if (!stuck || !url.includes('partNumber=2')) return undefined;
          seen();
          return 'silence';
        };
      });
      const { env, folder, ended } = await prepare(items, { clipBytes: 12_000_000 }, { S3_ENDPOINT: proxy.endpoint });
      const victim = start('workers/all.js', [], folder, env);
      await second;
      victim.child.kill('SIGKILL');
      await victim.finished;
      stuck = false;
      const storage = storageOf(env);
      expect(await sizeOf(storage, 'clips/parts.mp4')).toBeUndefined();
      start('workers/all.js', [], folder, env);
      expect((await ended()).counts).toMatchObject({ total: 1, done: 1 });
      expect(await sizeOf(storage, 'clips/parts.mp4')).toBe(12_000_000);
      // The upload of the killed process remains until it is swept; nothing remains of the completed one.
      expect(await storage.leftovers.sweep(-60_000)).toBe(1);
      expect(await storage.leftovers.sweep(-60_000)).toBe(0);
      expect(await sizeOf(storage, 'clips/parts.mp4')).toBe(12_000_000);
    };
    // Most of the time is spent waiting for the locks of the killed process to expire.
    await Promise.all([killedWithin(), killedAfter(), killedBetweenParts()]);
  }, 90_000);
});
