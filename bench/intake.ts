import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { openRedis } from '../src/redis/connect.ts';
import { startEmbeddedRedis } from '../src/redis/embedded/server.ts';
import { benchFolder } from './temp-folders.ts';
import { cpuMs } from './processes.ts';

const main = fileURLToPath(new URL('../src/cli/main.js', import.meta.url));
/** Prints the CPU time and the peak memory of a process as its last line. */
const REPORT_USAGE =
  'data:text/javascript,import{writeSync}from"node:fs";process.on("exit",()=>{' +
  'const{maxRSS,userCPUTime,systemCPUTime}=process.resourceUsage();' +
  'writeSync(2,`usage ${maxRSS*1024} ${(userCPUTime+systemCPUTime)/1000}`)})';

interface Finished {
  tookMs: number;
  cpuMs: number;
  peakBytes: number;
}

function prompt(number: number): string {
  return `A ${number} metre long wooden ship crosses a calm sea at dawn, seen from above, slow dolly in, warm light, photorealistic, a few gulls follow`;
}

function* lines(jobs: number, format: 'jsonl' | 'yaml'): Generator<string> {
  if (format === 'yaml') yield 'jobs:\n';
  for (let number = 1; number <= jobs; number += 1) {
    yield format === 'yaml' ? `  - prompt: "${prompt(number)}"\n` : `${JSON.stringify({ prompt: prompt(number) })}\n`;
  }
}

async function jobsFile(folder: string, jobs: number, format: 'jsonl' | 'yaml'): Promise<string> {
  const path = join(folder, `ships-${jobs}.${format}`);
  await pipeline(Readable.from(lines(jobs, format)), createWriteStream(path));
  return path;
}

/** Runs a command of the built program, and waits for its end. */
async function run(args: readonly string[], env: Record<string, string>): Promise<Finished> {
  const started = performance.now();
  const child = spawn(process.execPath, [`--import=${REPORT_USAGE}`, main, ...args], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const [errors, [code]] = await Promise.all([text(child.stderr), once(child, 'close')]);
  const tookMs = performance.now() - started;
  const [, peakBytes, spentMs] = /usage (\d+) ([\d.]+)$/.exec(errors) ?? [];
  if (code !== 0 || peakBytes === undefined) throw new Error(`${args.join(' ')} failed: ${errors}`);
  return { tookMs, cpuMs: Number(spentMs), peakBytes: Number(peakBytes) };
}

function row(command: string, jobs: number, finished: Finished, redisMs: number): string {
  const { tookMs, cpuMs: spentMs, peakBytes } = finished;
  const cells = [
    command,
    jobs,
    (tookMs / 1000).toFixed(1),
    Math.round((1000 * jobs) / tookMs),
    ((1000 * spentMs) / jobs).toFixed(0),
    ((1000 * redisMs) / jobs).toFixed(0),
    (peakBytes / 1e6).toFixed(0),
  ];
  return `| ${cells.join(' | ')} |`;
}

/** Prints the speed, CPU and memory of validating jobs files and of submitting them to Redis. */
export async function benchIntake(sizes: readonly number[]): Promise<void> {
  console.log('| command | jobs | s | jobs a second | CPU µs a job | Redis | peak MB |\n|' + ' --- |'.repeat(7));
  const folder = await benchFolder();
  for (const jobs of sizes) {
    for (const format of ['jsonl', 'yaml'] as const) {
      const path = await jobsFile(folder, jobs, format);
      console.log(row(`validate, ${format}`, jobs, await run(['validate', path], {}), 0));
      if (format === 'yaml') continue;
      const redis = await startEmbeddedRedis(join(folder, `redis-${jobs}`));
      try {
        const client = openRedis(redis.url, { name: 'bench', patient: false });
        const pid = Number(/process_id:(\d+)/.exec(await client.info('server'))?.[1]);
        client.disconnect();
        const before = await cpuMs(pid);
        const env = {
          REDIS_URL: redis.url,
          APIXO_API_KEY: 'bench',
          CLIPMILL_STORAGE: `file:${join(folder, 'videos')}`,
        };
        const finished = await run(['submit', path], env);
        console.log(row(`submit, ${format}`, jobs, finished, (await cpuMs(pid)) - before));
      } finally {
        await redis.stop();
      }
    }
  }
}
