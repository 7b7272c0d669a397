import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { createClipmill } from '../src/index.ts';
import { openRedis } from '../src/redis/connect.ts';
import { startEmbeddedRedis } from '../src/redis/embedded/server.ts';
import { benchFolder } from './temp-folders.ts';
import { cpuMs, startProgram, type Program } from './processes.ts';
import { median } from './records.ts';
import { jobs } from './scenario.ts';

/** 250 clips of 5 s per second: close to the limit of two cores. */
const SPEED = 15;
/** Clips of a first batch, in which code is compiled and buffers reach their size. */
const WARM_UP = 5_000;
/** Interval of the samples of the worker's memory, in milliseconds. */
const SAMPLE_MS = 250;

/**
 * Prints the cost of a clip in batches of growing size, all processed by the same worker: CPU, Redis commands
 * (including those in scripts), and the memory of the worker.
 */
export async function benchGrowth(sizes: readonly number[]): Promise<void> {
  const folder = await benchFolder();
  const simulator = await startProgram(
    'src/cli/main.js',
    ['simulate', '--port=0', `--speed=${SPEED}`],
    {},
    { waitForLine: true },
  );
  const redis = await startEmbeddedRedis(join(folder, 'redis'));
  const env = {
    REDIS_URL: redis.url,
    APIXO_BASE_URL: simulator.firstLine,
    CLIPMILL_STORAGE: `file:${join(folder, 'videos')}`,
    CLIPMILL_REQUEST_WINDOW: `${60_000 / SPEED}ms`,
    CLIPMILL_POLL_DELAY: `${50_000 / SPEED}ms`,
    CLIPMILL_POLL_INTERVAL: `${5_000 / SPEED}ms`,
    CLIPMILL_LOG_LEVEL: 'info',
  };
  const worker = await startProgram('src/cli/main.js', ['work'], env, { waitForLog: 'working' });
  const client = openRedis(redis.url, { name: 'bench', patient: false });
  const mill = await createClipmill({ settings: { ...env, CLIPMILL_LOG_LEVEL: 'warn' }, work: [] });
  const fact = async (section: string, name: string) =>
    Number(new RegExp(`${name}:(\\d+)`).exec(await client.info(section))?.[1]);
  try {
    const redisPid = await fact('server', 'process_id');
    const spent = async () => ({
      worker: await worker.cpuMs(),
      redis: await cpuMs(redisPid),
      commands: await fact('stats', 'total_commands_processed'),
      at: performance.now(),
    });
    const header = [
      'items',
      's',
      'clips a second',
      'CPU ms a clip',
      'Redis',
      'Redis commands a clip',
      'MB, median',
      'MB, peak',
    ];
    console.log(`| ${header.join(' | ')} |\n|${header.map(() => ' --- |').join('')}`);
    for (const clips of [WARM_UP, ...sizes]) {
      // Resets the peak memory that the kernel has recorded.
      await writeFile(`/proc/${worker.pid}/clear_refs`, '5').catch(() => {});
      const ended = new AbortController();
      const samples = sampleMemory(worker, ended.signal);
      const before = await spent();
      const batch = await mill.submit(`growth-${clips}`, jobs({ clips, mix: '5s' }));
      const { counts } = await Promise.race([batch.ended(), worker.died]);
      if (counts.done !== clips) throw new Error(`${counts.done} of ${clips} clips are done`);
      const after = await spent();
      ended.abort();
      const { peakBytes } = await worker.memory();
      const tookMs = after.at - before.at;
      const cells = [
        clips === WARM_UP ? `${clips}, warm-up` : clips,
        (tookMs / 1000).toFixed(0),
        ((1000 * clips) / tookMs).toFixed(0),
        ((after.worker - before.worker) / clips).toFixed(2),
        ((after.redis - before.redis) / clips).toFixed(2),
        ((after.commands - before.commands) / clips).toFixed(0),
        (median(await samples) / 1e6).toFixed(0),
        (peakBytes / 1e6).toFixed(0),
      ];
      console.log(`| ${cells.join(' | ')} |`);
    }
  } finally {
    client.disconnect();
    await mill.close();
    await worker.stop();
    await redis.stop();
    await simulator.stop();
  }
}

/** Samples the resident memory of a process until the signal aborts, in bytes. */
async function sampleMemory(process: Program, signal: AbortSignal): Promise<number[]> {
  const samples: number[] = [];
  while (!signal.aborted) {
    samples.push((await process.memory()).bytes);
    await setTimeout(SAMPLE_MS, undefined, { signal }).catch(() => {});
  }
  return samples;
}
