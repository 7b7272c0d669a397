import { Cluster } from 'ioredis';
import { z } from 'zod';
import { describeError } from '../core/errors.ts';
import type { RedisClient } from './connect.ts';

/** What a Redis server says of itself; what it does not say, or may not be asked, is `undefined`. */
export interface RedisFacts {
  product: string;
  version: string | undefined;
  /** Reads only: a copy of another server. */
  replica: boolean;
  /** Servers that copy this one. */
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
}

const bytes = z.coerce.number().optional();

/** The fields of INFO that matter; a managed Redis may leave out any. */
const infoFields = z.object({
  redis_version: z.string().optional(),
  valkey_version: z.string().optional(),
  server_name: z.string().optional(),
  role: z.string().optional(),
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

/** Asks every server that takes writes: one, or the masters of a cluster. */
export async function readRedisFacts(redis: RedisClient): Promise<RedisFacts[]> {
  const servers = redis instanceof Cluster ? redis.nodes('master') : [redis];
  return await Promise.all(
    servers.map(async (server) => {
      const [info, fsync] = await Promise.all([
        permitted(() => server.info()),
        permitted(() => server.config('GET', 'appendfsync')),
      ]);
      return parseFacts(info ?? '', readConfigReply(fsync));
    }),
  );
}

/** @param info the reply to INFO; empty where it is forbidden */
export function parseFacts(info: string, fsync: string | undefined): RedisFacts {
  const fields = infoFields.parse(Object.fromEntries(info.split(/\r?\n/).map(splitLine)));
  const valkey = fields.server_name === 'valkey';
  return {
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
