import { z } from 'zod';
import { describeError } from '../core/errors.ts';
import type { RedisClient } from './connect.ts';

/** Facts that a Redis server reports about itself; `undefined` where it does not report one. */
export interface RedisFacts {
  /** Whether INFO is refused; then no other fact is known. */
  infoDenied: boolean;
  product: string;
  version: string | undefined;
  /** Whether it is a replica, which accepts no writes. */
  replica: boolean;
  /** Number of connected replicas. */
  replicas: number;
  clusterMode: boolean;
  /** Whether the append-only file is on. */
  aof: boolean | undefined;
  /** `always`, `everysec` or `no`. */
  fsync: string | undefined;
  evictionPolicy: string | undefined;
  usedBytes: number | undefined;
  /** 0: no limit. */
  maxBytes: number | undefined;
  /** Kinds of disk writes whose last try failed. */
  failedDiskWrites: string[];
  /** Changes when the server is restarted or replaced. */
  runId: string | undefined;
}

const bytes = z.coerce.number().optional();

/** The fields of INFO that are used; a managed Redis may omit any of them. */
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

/** Fields with the status of the last disk write of each kind, and the names of the kinds in messages. */
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

/** Parses the reply to INFO. */
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
    failedDiskWrites: Object.entries(diskStatuses)
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

/** Returns a numeric setting of Redis; `undefined` where it cannot be read. */
export async function readConfigBytes(redis: RedisClient, name: string): Promise<number | undefined> {
  const value = readConfigReply(await permitted(() => redis.config('GET', name)));
  return value === undefined ? undefined : Number(value);
}

/** Runs a command; returns `undefined` where a managed Redis or access rules refuse it. */
async function permitted<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (/^(NOPERM|ERR unknown command|ERR unknown subcommand)|not allowed|disabled/i.test(describeError(error)))
      return undefined;
    throw error;
  }
}

/** Returns whether a version is at least `major.minor`; its further parts are ignored. */
export function atLeast(version: string, [major, minor]: readonly [number, number]): boolean {
  const [first = 0, second = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  return first > major || (first === major && second >= minor);
}
