import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import pLimit from 'p-limit';
import type { S3Server } from '../../test/support/s3-server.ts';

export const sh = promisify(execFile);

/** Downloads all URLs without clipmill. @returns seconds */
export type Peer = (urls: readonly string[], concurrency: number) => Promise<number>;

/** Returns a peer that runs a shell command for each file: `$0` is the URL, `$1` the path. `sync` makes it durable. */
const toDisk = (folder: string, command: string): Peer =>
  inFolder(folder, (files) => shell(`${command} && sync "$1"`, (n) => Promise.resolve(join(files, `${n}.mp4`))));

/** Returns the peers that store on disk, by their column. `hashed` is a curl whose output is stored and hashed. */
export async function diskPeers(folder: string): Promise<Map<string, Peer>> {
  const hasRclone = await sh('rclone', ['version']).then(
    () => true,
    () => false,
  );
  return new Map([
    ['curl \\| curl -T', toDisk(folder, 'curl -sf "$0" | curl -sf -T - "file://$1"')],
    ['hashed', toDisk(folder, 'curl -sf "$0" | tee "$1" | openssl dgst -sha256')],
    ['curl -o', toDisk(folder, 'curl -sf -o "$1" "$0"')],
    ...(hasRclone ? ([['rclone', toDisk(folder, 'rclone copyurl "$0" "$1"')]] as const) : []),
    ['script', inFolder(folder, (files) => (urls, concurrency) => runScript(files, urls, concurrency))],
  ]);
}

/** Returns the peers that store in the bucket, by their column: pairs of curls, without and with a hash between them. */
export function s3Peers(bytes: number, s3: S3Server): Map<string, Peer> {
  const put = `curl -sf -T - -H "Transfer-Encoding:" -H "Content-Length: ${bytes}" -H "Expect:" "$1"`;
  const toBucket = (command: string) => shell(`${command} | ${put}`, (n) => presigned(s3, n));
  return new Map([
    ['curl \\| curl -T', toBucket('curl -sf "$0"')],
    ['hashed', toBucket('{ curl -sf "$0" | tee /dev/fd/3 | openssl dgst -sha256 >&2; } 3>&1')],
  ]);
}

function inFolder(folder: string, peerIn: (files: string) => Peer): Peer {
  return async (urls, concurrency) => {
    const files = await mkdtemp(join(folder, 'peer-'));
    try {
      return await peerIn(files)(urls, concurrency);
    } finally {
      await rm(files, { recursive: true });
    }
  };
}

function shell(command: string, targetOf: (n: number) => Promise<string>): Peer {
  return async (urls, concurrency) => {
    const targets = await Promise.all(urls.map((_url, n) => targetOf(n)));
    const begun = performance.now();
    await pLimit(concurrency).map(urls, (url, n) => sh('sh', ['-c', command, url, targets[n] ?? '']));
    return (performance.now() - begun) / 1_000;
  };
}

async function runScript(files: string, urls: readonly string[], concurrency: number): Promise<number> {
  const script = fileURLToPath(new URL('peer-script.js', import.meta.url));
  const child = spawn(process.execPath, [script, files, String(concurrency)], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(JSON.stringify(urls));
  return Number(await text(child.stdout));
}

async function presigned(s3: S3Server, n: number): Promise<string> {
  const { endpoint, region, accessKeyId, secretAccessKey } = s3;
  const client = new S3Client({
    endpoint,
    region,
    credentials: { accessKeyId, secretAccessKey },
    forcePathStyle: true,
    requestChecksumCalculation: 'WHEN_REQUIRED',
  });
  return getSignedUrl(client, new PutObjectCommand({ Bucket: s3.bucket, Key: `curl/${n}.mp4` }), { expiresIn: 3_600 });
}
