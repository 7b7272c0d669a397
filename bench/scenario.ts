import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { createClipmill, type JobInput } from '../src/index.ts';
import { openRedis } from '../src/redis/connect.ts';
import { startEmbeddedRedis, type EmbeddedRedis } from '../src/redis/embedded/server.ts';
import { bucketShape } from '../src/ledger/bucket.ts';
import { possibleMs, zeroOverheadMs } from './makespan.ts';
import { flags, freePorts, Server } from './failover/server.ts';
import { benchFolder } from './temp-folders.ts';
import { cpuMs, startProgram, type Program } from './processes.ts';
import { fillTime, readRecords, refillTimes, requestsOf, sum, type FullRecords } from './records.ts';

/** CLIPMILL_DURABILITY of a run; each runs with a Redis that supports it. */
type Durability = 'memory' | 'disk' | 'replica';

export interface Scenario {
  name: string;
  clips: number;
  mix: '5s' | '10s' | 'mixed';
  /** The roles of each worker process, as arguments of `clipmill work`. */
  workers: readonly string[];
  polling?: 'fixed' | 'adaptive';
  speed: number;
  /** Default `disk`: a private Redis, as `clipmill run` starts it. */
  durability?: Durability;
  /** Runs the peer script instead of clipmill. Default: false. */
  peer?: boolean;
  /** Callback mode: the first worker process receives the callbacks. */
  callbacks?: boolean;
  /** Faults of the simulator, by rate. */
  faults?: Readonly<Record<string, number>>;
  /** Limits of the account. Default: the published ones. */
  limits?: Limits;
  /**
   * Where Redis and the clips are. Default: on the disk at the real clock; in memory at a higher speed, because no disk
   * gets faster with the clock: a flush of 1 ms would count as 10 ms.
   */
  files?: 'memory' | 'disk';
  /** Clips of a batch before the measured one, in which the same processes compile their code. Default: none. */
  warmUp?: number;
}

export interface Limits {
  /** Tasks in flight. */
  tasks: number;
  /** Requests in a window of a minute. */
  requests: number;
}

export interface Measured {
  scenario: Scenario;
  makespanMs: number;
  /** From the first POST to the one that takes the last free slot, in milliseconds. */
  fillMs: number;
  /** Zero-overhead makespan over the real one. */
  efficiency: number;
  /** Efficiency if only the request limit makes the batch longer, with one POST and one GET per clip. */
  possible: number;
  requestsPerClip: number;
  /** Items that ended as held. */
  held: number;
  maxRequestsInWindow: number;
  requestLimit: number;
  maxTasks: number;
  taskLimit: number;
  refused429: number;
  /** CPU time of all workers per clip, in milliseconds. */
  workerCpuMs: number;
  redisCpuMs: number;
  /** Largest peak memory of a worker process, in bytes. */
  peakBytes: number;
  /** From the end of a task to the answer that shows it, in milliseconds of this run: mean, median, 99th percentile. */
  detectMeanMs: number;
  detectMedianMs: number;
  detectP99Ms: number;
  /** From that answer to the POST that takes the slot, in milliseconds: mean, median, 99th percentile. */
  refillMeanMs: number;
  refillMedianMs: number;
  refillP99Ms: number;
  doubled: number;
}

/** The published limits, which are also the defaults of settings and simulator. */
export const PUBLISHED: Limits = { tasks: 1_000, requests: 10_000 };
/** Port for callbacks, below the ports that the system assigns. */
const CALLBACK_PORT = 18_788;

function faultArgs({ faults = {} }: Scenario): string[] {
  return Object.entries(faults).map(([name, rate]) => `--fault=${name}=${rate}`);
}

/** Runs a batch to its end, and measures it by the records of the simulator. */
export async function runScenario(scenario: Scenario): Promise<Measured> {
  const { speed, limits = PUBLISHED, files = speed > 1 ? 'memory' : 'disk' } = scenario;
  const folder = await benchFolder(files === 'memory');
  const simulator = await startProgram(
    'src/cli/main.js',
    [
      'simulate',
      '--port=0',
      `--speed=${speed}`,
      `--max-tasks=${limits.tasks}`,
      `--max-requests=${limits.requests}`,
      ...faultArgs(scenario),
    ],
    {},
    { waitForLine: true },
  );
  const redis = await startBenchRedis(join(folder, 'redis'), scenario.durability);
  const env = {
    REDIS_URL: redis.url,
    APIXO_BASE_URL: simulator.firstLine,
    CLIPMILL_STORAGE: `file:${join(folder, 'videos')}`,
    CLIPMILL_MAX_TASKS: String(limits.tasks),
    CLIPMILL_MAX_REQUESTS: String(limits.requests),
    CLIPMILL_REQUEST_WINDOW: `${60_000 / speed}ms`,
    CLIPMILL_POLL_DELAY: `${50_000 / speed}ms`,
    CLIPMILL_POLL_INTERVAL: `${5_000 / speed}ms`,
    CLIPMILL_POLLING: scenario.polling ?? 'fixed',
    CLIPMILL_DURABILITY: scenario.durability ?? 'auto',
    CLIPMILL_LOG_LEVEL: 'warn',
    ...(scenario.callbacks && { CLIPMILL_CALLBACK_URL: `http://127.0.0.1:${CALLBACK_PORT}` }),
  };
  const workers: Program[] = [];
  try {
    const redisPid = await serverPid(redis.url);
    const redisBefore = await cpuMs(redisPid);
    let before: Baseline | undefined;
    const onWarm = async () => {
      const cpu = await Promise.all(workers.map((worker) => worker.cpuMs()));
      before = { records: await readRecords(simulator.firstLine), cpuMs: sum(cpu), redisMs: await cpuMs(redisPid) };
    };
    const { endedAt, held } = await (scenario.peer ? runPeer : runClipmill)(scenario, env, workers, onWarm);
    const records = await readRecords(simulator.firstLine);
    const tasks = records.full.tasks.slice(before?.records.full.tasks.length ?? 0);
    const firstPostAt = before ? Math.min(...tasks.map((task) => task.createdAt)) : records.firstPostAt;
    const makespanMs = endedAt - records.unixBase - firstPostAt;
    const requests = requestsOf(records) - (before ? requestsOf(before.records) : 0);
    const workerCpuMs = sum(await Promise.all(workers.map((worker) => worker.cpuMs()))) - (before?.cpuMs ?? 0);
    const times = tasks.map((task) => (task.endsAt ?? task.createdAt) - task.createdAt);
    const detections = tasks
      .map((task) => (task.firstPolledEndedAt ?? Number.NaN) - (task.endsAt ?? Number.NaN))
      .filter(Number.isFinite)
      .toSorted((a, b) => a - b);
    const refills = refillTimes(tasks, limits.tasks);
    return {
      scenario,
      makespanMs,
      fillMs: fillTime(tasks, limits.tasks),
      efficiency: zeroOverheadMs(times, limits.tasks) / makespanMs,
      possible:
        zeroOverheadMs(times, limits.tasks) /
        possibleMs(
          times,
          limits.tasks,
          bucketShape({ maxRequests: limits.requests, requestWindowMs: 60_000 / speed, maxTasks: limits.tasks }),
        ),
      requestsPerClip: requests / scenario.clips,
      held,
      maxRequestsInWindow: records.maxRequestsInWindow,
      requestLimit: limits.requests,
      maxTasks: records.tasks.maxInFlight,
      taskLimit: limits.tasks,
      refused429: records.refused.rate + records.refused.concurrency,
      workerCpuMs: workerCpuMs / scenario.clips,
      redisCpuMs: ((await cpuMs(redisPid)) - (before?.redisMs ?? redisBefore)) / scenario.clips,
      peakBytes: Math.max(...(await Promise.all(workers.map(async (worker) => (await worker.memory()).peakBytes)))),
      detectMeanMs: sum(detections) / detections.length,
      detectMedianMs: detections[Math.floor(detections.length / 2)] ?? Number.NaN,
      detectP99Ms: detections[Math.floor(detections.length * 0.99)] ?? Number.NaN,
      refillMeanMs: sum(refills) / refills.length,
      refillMedianMs: refills[Math.floor(refills.length / 2)] ?? Number.NaN,
      refillP99Ms: refills[Math.floor(refills.length * 0.99)] ?? Number.NaN,
      doubled: tasks.length - scenario.clips,
    };
  } finally {
    await Promise.all(workers.map((worker) => worker.stop()));
    await redis.stop();
    await simulator.stop();
  }
}

/** Yields the jobs of a scenario, for clipmill and for the peer. */
export function* jobs(scenario: Pick<Scenario, 'clips' | 'mix'>): Generator<JobInput> {
  for (let n = 1; n <= scenario.clips; n += 1) {
    const duration = scenario.mix === '5s' || (scenario.mix === 'mixed' && n % 2 === 1) ? 5 : 10;
    yield { id: `clip-${n}`, prompt: `clip ${n}`, duration };
  }
}

/** Requests and CPU time before the measured batch. */
interface Baseline {
  records: FullRecords;
  cpuMs: number;
  redisMs: number;
}

interface Ended {
  /** Unix ms. */
  endedAt: number;
  held: number;
}

/** @param onWarm called after the warm-up batch, when the request budget is full again */
async function runClipmill(
  scenario: Scenario,
  env: Record<string, string>,
  workers: Program[],
  onWarm: () => Promise<void>,
): Promise<Ended> {
  const verbose = { ...env, CLIPMILL_LOG_LEVEL: 'info' };
  for (const [index, roles] of scenario.workers.entries()) {
    const args = ['work', ...roles.split(' ')];
    const listens = scenario.callbacks && index === 0;
    const listening = listens ? { CLIPMILL_CALLBACK_LISTEN: `127.0.0.1:${CALLBACK_PORT}` } : {};
    workers.push(await startProgram('src/cli/main.js', args, { ...verbose, ...listening }, { waitForLog: 'working' }));
  }
  const clipmill = await createClipmill({ settings: env, work: [] });
  if (scenario.warmUp !== undefined) {
    const first = await clipmill.submit('warm-up', jobs({ ...scenario, clips: scenario.warmUp }));
    await Promise.race([first.ended(), ...workers.map((worker) => worker.died)]);
    await setTimeout(120_000 / scenario.speed);
    await onWarm();
  }
  const batch = await clipmill.submit('bench', jobs(scenario));
  const { endedAt, counts } = await Promise.race([batch.ended(), ...workers.map((worker) => worker.died)]);
  await clipmill.close();
  return { endedAt: endedAt ?? Number.NaN, held: counts.held };
}

/** Runs the peer. It prints the time of its end, and keeps running until its resource usage is measured. */
async function runPeer(scenario: Scenario, env: Record<string, string>, workers: Program[]): Promise<Ended> {
  const peer = await startProgram('bench/peer.js', [JSON.stringify(scenario)], env, { waitForLine: true });
  workers.push(peer);
  return { endedAt: Number(peer.firstLine), held: 0 };
}

/** Starts a private Redis that flushes every second or before each reply, or a master with one replica. */
async function startBenchRedis(folder: string, durability: Durability = 'disk'): Promise<EmbeddedRedis> {
  if (durability !== 'replica') return startEmbeddedRedis(folder, durability === 'disk' ? 'always' : 'everysec');
  const [port = 0, replicaPort = 0] = await freePorts(2);
  const settings = { bind: '127.0.0.1', save: '', appendonly: 'yes', appendfsync: 'everysec' };
  const replicaSettings = { ...settings, port: String(replicaPort), replicaof: `127.0.0.1\n${port}` };
  const servers = [
    new Server(join(folder, 'master'), port, flags({ ...settings, port: String(port) }), { valkey: false }),
    new Server(join(folder, 'replica'), replicaPort, flags(replicaSettings), { valkey: false }),
  ];
  for (const server of servers) await server.start();
  return {
    url: `redis://127.0.0.1:${port}`,
    async stop() {
      for (const server of servers) await server.stop();
    },
  };
}

async function serverPid(url: string): Promise<number> {
  const redis = openRedis(url, { name: 'bench', patient: false });
  const info = await redis.info('server');
  redis.disconnect();
  return Number(/process_id:(\d+)/.exec(info)?.[1]);
}
