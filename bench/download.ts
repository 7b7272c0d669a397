import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClipmill } from '../src/index.ts';
import { openRedis } from '../src/redis/connect.ts';
import { startEmbeddedRedis } from '../src/redis/embedded/server.ts';
import type { Summary } from '../src/simulator/records.ts';
import { startS3Server, type S3Server } from '../test/support/s3-server.ts';
import { diskPeers, s3Peers, sh } from './download/peers.ts';
import { startProgram } from './processes.ts';
import { median } from './records.ts';

interface Load {
  clips: number;
  bytes: number;
}

/** The cost of one batch. */
interface Downloaded {
  seconds: number;
  /** Milliseconds of CPU of the worker. */
  cpuMs: number;
  /** Peak memory of the worker in bytes. */
  peakBytes: number;
}

const CONCURRENCY = 16;
/** Each round begins with another program, so that no program always follows the same one. */
const ROUNDS = 5;
const loads: Load[] = [
  { clips: 160, bytes: 20_000_000 },
  { clips: 4, bytes: 1_000_000_000 },
];

/**
 * Compares a download worker, on clips that are generated already, with the same number of concurrent pairs of curls:
 * `curl URL | curl -T - TARGET`. On disk, `sync` makes their files as durable as those of clipmill. `hashed` also passes the
 * bytes to `openssl dgst -sha256`, because clipmill hashes each clip. Further peers on disk are a single curl that writes
 * to a file, a script with one event loop, and `rclone copyurl` if it is installed. Figures are medians of the rounds.
 * @param only the rows whose name contains this
 */
export async function benchDownloads(only = ''): Promise<void> {
  const rows = loads.flatMap((load) => [
    { to: 'disk', load },
    { to: 'S3', load },
  ]);
  const chosen = rows.filter(({ to, load }) => nameOf(to, load).includes(only));
  const s3 = chosen.some(({ to }) => to === 'S3') ? await startS3Server() : undefined;
  try {
    console.log(`${CONCURRENCY} at a time, ${ROUNDS} rounds\n`);
    console.log(
      '| to, clips | clipmill MB/s | curl \\| curl -T MB/s | ratio | min to max | hashed MB/s | ratio | curl -o MB/s | rclone MB/s | script MB/s | CPU ms a MB | peak MB |\n|---|---|---|---|---|---|---|---|---|---|---|---|',
    );
    for (const { to, load } of chosen) {
      if (to === 'disk') console.log(await row(load, undefined));
      else if (s3) console.log(await row(load, s3));
    }
  } finally {
    await s3?.stop();
  }
}

function nameOf(to: string, { clips, bytes }: Load): string {
  return `${to}, ${clips} × ${bytes / 1e6} MB`;
}

async function row(load: Load, s3: S3Server | undefined): Promise<string> {
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
      CLIPMILL_DOWNLOADS: String(CONCURRENCY),
      ...storageSettings(folder, s3),
    };
    const peers = s3 ? s3Peers(load.bytes, s3) : await diskPeers(folder);
    const ours: Downloaded[] = [];
    const theirs = new Map([...peers.keys()].map((name) => [name, [] as number[]]));
    for (let round = 1; round <= ROUNDS; round += 1) {
      // Each batch has a name of its own: clips that are already in the bucket would be adopted.
      const batch = `${load.clips}-clips-${round}`;
      const urls = await generate(load, batch, env, redis.url);
      const runs = [
        async () => {
          ours.push(await measureClipmill(load, batch, env, simulator.firstLine));
          await rm(join(folder, 'videos'), { recursive: true, force: true });
        },
        ...[...peers].map(
          ([name, peer]) =>
            async () =>
              void theirs.get(name)?.push(await peer(urls, CONCURRENCY)),
        ),
      ];
      const first = (round - 1) % runs.length;
      for (const run of [...runs.slice(first), ...runs.slice(0, first)]) {
        // Pending writes and removals of the previous run would slow down this one.
        await sh('sync');
        await run();
      }
    }
    const megabytes = (load.clips * load.bytes) / 1e6;
    const rateOf = (seconds: readonly number[] = []) =>
      seconds.length > 0 ? (megabytes / median(seconds)).toFixed(0) : '';
    const ratiosTo = (name: string) => ours.map(({ seconds }, round) => (theirs.get(name)?.[round] ?? 0) / seconds);
    const ratios = ratiosTo('curl \\| curl -T');
    return `| ${[
      nameOf(s3 ? 'S3' : 'disk', load),
      rateOf(ours.map(({ seconds }) => seconds)),
      rateOf(theirs.get('curl \\| curl -T')),
      median(ratios).toFixed(2),
      `${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}`,
      rateOf(theirs.get('hashed')),
      median(ratiosTo('hashed')).toFixed(2),
      rateOf(theirs.get('curl -o')),
      rateOf(theirs.get('rclone')),
      rateOf(theirs.get('script')),
      (median(ours.map(({ cpuMs }) => cpuMs)) / megabytes).toFixed(2),
      (Math.max(...ours.map(({ peakBytes }) => peakBytes)) / 1e6).toFixed(0),
    ].join(' | ')} |`;
  } finally {
    await simulator.stop();
    await redis.stop();
    await rm(folder, { recursive: true, force: true });
  }
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

/** Submits a batch, and waits until all clips are generated; none is downloaded. @returns their URLs */
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
    return { seconds, cpuMs: (await worker.cpuMs()) - cpuBefore, peakBytes: (await worker.memory()).peakBytes };
  } finally {
    await worker.stop();
    await clipmill.close();
  }
}

async function requestedFiles(url: string): Promise<number> {
  const answer = await fetch(`${url}/_simulator/records`);
  return ((await answer.json()) as Summary).files.requests;
}
