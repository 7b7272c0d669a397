import { z } from 'zod';
import { describeError } from '../core/errors.ts';
import type { RedisClient } from './connect.ts';

/** The facts that a Redis server reports about itself; one that it leaves out is `undefined`. */
export interface RedisFacts {
  /** INFO is refused: nothing else is known. */
  infoDenied: boolean;
  product: string;
  version: string | undefined;
  /** It replicates another server and takes no writes. */
  replica: boolean;
  /** Replicas of this server that are connected. */
  replicas: number;
  clusterMode: boolean;
  /** Whether the append-only file is on. */
  aof: boolean | undefined;
  /** `always`, `everysec` or `no`. */
  fsync: string | undefined;
  evictionPolicy: string | undefined;
  usedBytes: number | undefined;
  /** 0: as much as there is. */
  maxBytes: number | undefined;
  /** Kinds of writing to disk whose last try failed. */
  diskTroubles: string[];
  /** Changes when the server is restarted or replaced. */
  runId: string | undefined;
}

const bytes = z.coerce.number().optional();

/** The fields of INFO that matter; a managed Redis may leave out any. */
const infoFields = z.object({
  redis_version: z.string().optional(),
  valkey_version: z.string().optional(),
  server_name: z.string().optional(),
  role: z.string().optional(),
  run_id: z.string().optional(),
  connected_slaves: z.coerce.number().default(0),
  cluster_enabled: z.string().optional(),
  aof_enabled: z.string().optional(),
  aof_last_write_status: z.string().optional(),
  aof_last_bgrewrite_status: z.string().optional(),
  rdb_last_bgsave_status: z.string().optional(),
  maxmemory_policy: z.string().optional(),
  used_memory: bytes,
  maxmemory: bytes,
});

/** The last outcome of each way of writing to disk, by what it is called here. */
const diskStatuses = {
  aof_last_write_status: 'writing the append-only file',
  aof_last_bgrewrite_status: 'rewriting the append-only file',
  rdb_last_bgsave_status: 'saving a snapshot',
} as const;

/** Reads INFO and `appendfsync`; a managed Redis, or one with access rules, may refuse either. */
export async function readRedisFacts(redis: RedisClient): Promise<RedisFacts> {
  const [info, fsync] = await Promise.all([
    permitted(() => redis.info()),
    permitted(() => redis.config('GET', 'appendfsync')),
  ]);
  return { ...parseFacts(info ?? '', readConfigReply(fsync)), infoDenied: info === undefined };
}

/** @param info the reply to INFO */
export function parseFacts(info: string, fsync: string | undefined): RedisFacts {
  const fields = infoFields.parse(Object.fromEntries(info.split(/\r?\n/).map(splitLine)));
  const valkey = fields.server_name === 'valkey';
  return {
    infoDenied: false,
    product: valkey ? 'Valkey' : 'Redis',
    version: (valkey ? fields.valkey_version : undefined) ?? fields.redis_version,
    replica: fields.role === 'slave',
    replicas: fields.connected_slaves,
    clusterMode: fields.cluster_enabled === '1',
    aof: fields.aof_enabled === undefined ? undefined : fields.aof_enabled === '1',
    fsync,
    evictionPolicy: fields.maxmemory_policy,
    usedBytes: fields.used_memory,
    maxBytes: fields.maxmemory,
    runId: fields.run_id,
    diskTroubles: Object.entries(diskStatuses)
      .filter(([name]) => fields[name as keyof typeof diskStatuses] === 'err')
      .map(([, what]) => what),
  };
}

function splitLine(line: string): [string, string] {
  const colon = line.indexOf(':');
  return [line.slice(0, colon), line.slice(colon + 1)];
}

function readConfigReply(reply: unknown): string | undefined {
  const pair = z.tuple([z.string(), z.string()]).safeParse(reply);
  return pair.data?.[1];
}

/** Returns a setting of Redis that is a number; `undefined` where it cannot be read. */
export async function readConfigBytes(redis: RedisClient, name: string): Promise<number | undefined> {
  const value = readConfigReply(await permitted(() => redis.config('GET', name)));
  return value === undefined ? undefined : Number(value);
}

/** A managed Redis, or one with access rules, refuses commands that others answer. */
async function permitted<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (/^(NOPERM|ERR unknown command|ERR unknown subcommand)|not allowed|disabled/i.test(describeError(error)))
      return undefined;
    throw error;
  }
}

/** Whether a release is this one or newer; it may end in letters, and only the first two numbers count. */
export function atLeast(version: string, [major, minor]: readonly [number, number]): boolean {
  const [first = 0, second = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  return first > major || (first === major && second >= minor);
}
