import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import pLimit from 'p-limit';
import { createClipmill } from '../src/index.ts';
import { openRedis } from '../src/redis/connect.ts';
import { startEmbeddedRedis } from '../src/redis/embedded/server.ts';
import type { Summary } from '../src/simulator/records.ts';
import { startS3Server, type S3Server } from '../test/support/s3-server.ts';
import { startProgram } from './processes.ts';

interface Load {
  clips: number;
  bytes: number;
}

/** What fetching the clips took. */
interface Downloaded {
  seconds: number;
  /** Milliseconds of CPU of the worker. */
  cpuMs: number;
  /** Most memory that the worker held, in bytes. */
  peakBytes: number;
}

const AT_ONCE = 16;
/** In turns with the peer: what else the machine does meanwhile hits both. */
const ROUNDS = 3;
const loads: Load[] = [
  { clips: 160, bytes: 20_000_000 },
  { clips: 4, bytes: 1_000_000_000 },
];
const sh = promisify(execFile);

/**
 * A download worker of its own process, on clips that are all generated already, beside as many pairs
 * of curls as it has downloads, one that fetches and one that stores: `curl URL | curl -T - TARGET`. On
 * disk `sync` makes their files durable, as clipmill's are; and so it is done once more with a single
 * curl that writes to a file by itself, which is about the least it can cost, and where there is an
 * rclone, with `rclone copyurl`.
 */
export async function benchDownloads(): Promise<void> {
  const s3 = await startS3Server();
  const rclone = await hasRclone();
  try {
    console.log(`${AT_ONCE} at a time\n`);
    console.log(
      '| to | clips | clipmill MB/s | curl \\| curl -T MB/s | ratio | curl -o MB/s | rclone MB/s | CPU ms a MB | peak MB |\n|---|---|---|---|---|---|---|---|---|',
    );
    for (const target of [undefined, ...(s3 ? [s3] : [])]) {
      for (const load of loads) console.log(await row(load, target, rclone));
    }
  } finally {
    await s3?.stop();
  }
}

async function row(load: Load, s3: S3Server | undefined, rclone: boolean): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'clipmill-bench-'));
  const redis = await startEmbeddedRedis(join(folder, 'redis'));
  const simulator = await startProgram(
    'src/cli/main.js',
    ['simulate', '--port=0', '--speed=1000', `--clip-bytes=${load.bytes}`],
    {},
    { waitForLine: true },
  );
  try {
    const env = {
      REDIS_URL: redis.url,
      APIXO_BASE_URL: simulator.firstLine,
      CLIPMILL_POLL_DELAY: '50ms',
      CLIPMILL_POLL_INTERVAL: '20ms',
      CLIPMILL_LOG_LEVEL: 'warn',
      CLIPMILL_DOWNLOADS: String(AT_ONCE),
      ...storageSettings(folder, s3),
    };
    const total: Downloaded = { seconds: 0, cpuMs: 0, peakBytes: 0 };
    let peerSeconds = 0;
    let singleSeconds = 0;
    let rcloneSeconds = 0;
    for (let round = 1; round <= ROUNDS; round += 1) {
      // Of its own name in each load: the clips of one that is in the bucket already would be adopted.
      const batch = `${load.clips}-clips-${round}`;
      const urls = await generate(load, batch, env, redis.url);
      const ours = await measureClipmill(load, batch, env, simulator.firstLine);
      total.seconds += ours.seconds;
      total.cpuMs += ours.cpuMs;
      total.peakBytes = Math.max(total.peakBytes, ours.peakBytes);
      peerSeconds += await measurePeer(
        urls,
        s3 ? toS3(load, s3) : toDisk(folder, 'curl -sf "$0" | curl -sf -T - "file://$1"'),
      );
      if (!s3) singleSeconds += await measurePeer(urls, toDisk(folder, 'curl -sf -o "$1" "$0"'));
      if (!s3 && rclone) rcloneSeconds += await measurePeer(urls, toDisk(folder, 'rclone copyurl "$0" "$1"'));
      await rm(join(folder, 'videos'), { recursive: true, force: true });
    }
    const megabytes = (ROUNDS * load.clips * load.bytes) / 1e6;
    return `| ${[
      s3 ? 'S3' : 'disk',
      `${load.clips} × ${load.bytes / 1e6} MB`,
      (megabytes / total.seconds).toFixed(0),
      (megabytes / peerSeconds).toFixed(0),
      (peerSeconds / total.seconds).toFixed(2),
      singleSeconds > 0 ? (megabytes / singleSeconds).toFixed(0) : '',
      rcloneSeconds > 0 ? (megabytes / rcloneSeconds).toFixed(0) : '',
      (total.cpuMs / megabytes).toFixed(2),
      (total.peakBytes / 1e6).toFixed(0),
    ].join(' | ')} |`;
  } finally {
    await simulator.stop();
    await redis.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function hasRclone(): Promise<boolean> {
  return sh('rclone', ['version']).then(
    () => true,
    () => false,
  );
}

function storageSettings(folder: string, s3: S3Server | undefined): Record<string, string> {
  if (!s3) return { CLIPMILL_STORAGE: `file:${join(folder, 'videos')}` };
  return {
    CLIPMILL_STORAGE: `s3://${s3.bucket}/bench`,
    S3_ENDPOINT: s3.endpoint,
    S3_FORCE_PATH_STYLE: 'true',
    AWS_REGION: s3.region,
    AWS_ACCESS_KEY_ID: s3.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
  };
}

/** Has all clips generated, and none fetched. @returns their URLs */
async function generate(load: Load, name: string, env: Record<string, string>, redisUrl: string): Promise<string[]> {
  const clipmill = await createClipmill({ settings: env, work: ['submit', 'poll'] });
  const jobs = Array.from({ length: load.clips }, (_, n) => ({ id: `clip-${n}`, prompt: `clip ${n}` }));
  const batch = await clipmill.submit(name, jobs);
  while ((await batch.status()).counts.downloading < load.clips) await sleep(20);
  await clipmill.close();
  const redis = openRedis(redisUrl, { name: 'bench', patient: false });
  const stored = await Promise.all(jobs.map(({ id }) => redis.hget(`{clipmill}:item:${name}/${id}`, 'urls')));
  redis.disconnect();
  return stored.map((text) => (JSON.parse(text ?? '[]') as string[])[0] ?? '');
}

async function measureClipmill(
  load: Load,
  name: string,
  env: Record<string, string>,
  simulatorUrl: string,
): Promise<Downloaded> {
  const clipmill = await createClipmill({ settings: env, work: [] });
  const requestedBefore = await requestedFiles(simulatorUrl);
  const worker = await startProgram('workers/download.js', [], env);
  try {
    while ((await requestedFiles(simulatorUrl)) === requestedBefore) await sleep(5);
    const begun = performance.now();
    const cpuBefore = await worker.cpuMs();
    const batch = await clipmill.batch(name);
    const { counts } = await batch.ended();
    const seconds = (performance.now() - begun) / 1000;
    if (counts.done !== load.clips) throw new Error(`stored ${counts.done} of ${load.clips} clips`);
    return { seconds, cpuMs: (await worker.cpuMs()) - cpuBefore, peakBytes: await worker.peakBytes() };
  } finally {
    await worker.stop();
    await clipmill.close();
  }
}

async function requestedFiles(url: string): Promise<number> {
  const answer = await fetch(`${url}/_simulator/records`);
  return ((await answer.json()) as Summary).files.requests;
}

/** A way of fetching without clipmill. */
interface Fetching {
  /** Of a shell, which finds the URL in `$0` and the target in `$1`. */
  command: string;
  targetOf: (n: number) => Promise<string>;
  tidy?: () => Promise<void>;
}

function toDisk(folder: string, fetching: string): Fetching {
  const curls = join(folder, 'curl');
  return {
    command: `${fetching} && sync "$1"`,
    targetOf: async (n) => {
      await mkdir(curls, { recursive: true });
      return join(curls, `${n}.mp4`);
    },
    tidy: () => rm(curls, { recursive: true, force: true }),
  };
}

function toS3(load: Load, s3: S3Server): Fetching {
  return {
    command: `curl -sf "$0" | curl -sf -T - -H "Transfer-Encoding:" -H "Content-Length: ${load.bytes}" -H "Expect:" "$1"`,
    targetOf: (n) => presigned(s3, n),
  };
}

/** @returns seconds */
async function measurePeer(urls: readonly string[], { command, targetOf, tidy }: Fetching): Promise<number> {
  const targets = await Promise.all(urls.map((_url, n) => targetOf(n)));
  const begun = performance.now();
  await pLimit(AT_ONCE).map(urls, (url, n) => sh('sh', ['-c', command, url, targets[n] ?? '']));
  const seconds = (performance.now() - begun) / 1000;
  await tidy?.();
  return seconds;
}

async function presigned(s3: S3Server, n: number): Promise<string> {
  const { endpoint, region, accessKeyId, secretAccessKey } = s3;
  const credentials = { accessKeyId, secretAccessKey };
  const client = new S3Client({
    endpoint,
    region,
    credentials,
    forcePathStyle: true,
    requestChecksumCalculation: 'WHEN_REQUIRED',
  });
  return getSignedUrl(client, new PutObjectCommand({ Bucket: s3.bucket, Key: `curl/${n}.mp4` }), { expiresIn: 3_600 });
}
