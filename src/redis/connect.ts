import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import { Redis } from 'ioredis';
import { parseRedisUrl, type RedisTarget } from '../config/redis-url.ts';
import { describeError, UserError } from '../core/errors.ts';
import { autoCork } from './auto-cork.ts';
import type { ClientOptions } from './client-options.ts';
import { FailoverWatch } from './failover-watch.ts';
import { SlotConnector, SlotOwner } from './slot-owner.ts';

/**
 * A connection to one server: a standalone one, the master that the sentinels report, or the master of the cluster
 * slot of the prefix. All keys share one hash tag, so one connection is enough for a cluster.
 */
export type RedisClient = Redis;

/** Files in PEM format for TLS connections. */
export interface TlsFiles {
  /** Certificate authorities to trust, instead of those built into Node.js. */
  ca?: string | undefined;
  /** Client certificate and its key, for servers that require one. */
  cert?: string | undefined;
  key?: string | undefined;
}

export interface ConnectOptions {
  /** Name of the connection in CLIENT LIST. */
  name: string;
  /** Whether calls wait for Redis without a time limit, as in workers. If false, they fail after a few seconds. */
  patient: boolean;
  tls?: TlsFiles;
  /** In a cluster, a key of the slot to connect to. Default: `{clipmill}:`. */
  slotKey?: string;
}

/**
 * After this long without a reply, the connection is considered dead (a firewall dropped it, the host is gone) and
 * opened again. Longer than BullMQ's longest blocking wait, 10 s.
 */
const SOCKET_TIMEOUT_MS = 15_000;
const CONNECT_TIMEOUT_MS = 5_000;
/** Timeout of a sentinel's answer, in milliseconds: a frozen sentinel must not delay a fail-over. */
const SENTINEL_TIMEOUT_MS = 1_500;

/**
 * Error replies of a server that is not the master, or not ready yet. ioredis connects again, to the current master,
 * and repeats the command. ASK and TRYAGAIN come while a slot migrates: a script that followed the redirection would
 * run without the keys that are not moved yet, so it is repeated until the migration has ended.
 */
const MOVED_AWAY = /^(READONLY|MOVED|ASK|TRYAGAIN|CLUSTERDOWN|MASTERDOWN|UNBLOCKED|LOADING)\b/;

/** Extra options that BullMQ reads from a connection. */
interface BullOptions {
  /** BullMQ would run INFO, which access rules may forbid; the preflight has checked the version. */
  skipVersionCheck: true;
}

function commonOptions(options: ConnectOptions) {
  return {
    connectionName: options.name,
    connectTimeout: CONNECT_TIMEOUT_MS,
    socketTimeout: SOCKET_TIMEOUT_MS,
    keepAlive: 10_000,
    maxRetriesPerRequest: options.patient ? null : 2,
    retryStrategy: (times: number) => Math.min(50 * 2 ** Math.min(times, 6), 2_000) * (0.75 + Math.random() / 2),
    reconnectOnError: (error: Error): 2 | false => (MOVED_AWAY.test(error.message) ? 2 : false),
    // The ready check runs INFO, which access rules may forbid. A server that is loading refuses commands instead,
    // which are repeated as above.
    enableReadyCheck: false,
    skipVersionCheck: true,
  } satisfies ClientOptions & BullOptions;
}

/**
 * Opens a connection to Redis by a URL of any form that `parseRedisUrl` accepts.
 * @throws UserError when the URL or a TLS file cannot be used
 */
export function openRedis(url: string, options: ConnectOptions): RedisClient {
  const settings = redisOptions(parseTarget(url), options);
  const client = new Redis(settings);
  if (settings.sentinels) new FailoverWatch(settings).add(client);
  // ioredis prints the errors that have no listener.
  client.on('error', () => {});
  autoCork(client);
  allowListeners(client);
  return client;
}

/** Lifts the limit of listeners: ioredis adds one for each command that an old master refuses, and Node.js would warn. */
function allowListeners(redis: RedisClient): void {
  redis.on('connect', () => void redis.stream.setMaxListeners(0));
}

function parseTarget(url: string): RedisTarget {
  try {
    return parseRedisUrl(url);
  } catch (error) {
    throw new UserError(`REDIS_URL ${describeError(error)}`, {
      cure: 'Write it as redis://[user:password@]host:6379/0; docs/redis.md lists every form.',
    });
  }
}

function redisOptions(target: RedisTarget, options: ConnectOptions): ClientOptions {
  const common = {
    ...commonOptions(options),
    ...(target.username && { username: target.username }),
    ...(target.password && { password: target.password }),
  };
  if (target.kind === 'socket') return { ...common, path: target.path, db: target.db };
  const tls = target.tls ? tlsOptions(options.tls ?? {}) : undefined;
  if (target.kind === 'server') return { ...common, ...target.address, db: target.db, ...(tls && { tls }) };
  if (target.kind === 'cluster') {
    const owner = new SlotOwner(target.nodes, options.slotKey ?? '{clipmill}:', { ...common, ...(tls && { tls }) });
    return { ...common, ...(tls && { tls }), Connector: SlotConnector, owner } as ClientOptions;
  }
  return {
    ...common,
    sentinels: target.sentinels,
    // A sentinel that was partitioned may report a master that has been replaced.
    enableReadyCheck: true,
    name: target.name,
    db: target.db,
    ...(target.sentinelUsername && { sentinelUsername: target.sentinelUsername }),
    ...(target.sentinelPassword && { sentinelPassword: target.sentinelPassword }),
    ...(tls && { tls, sentinelTLS: tls, enableTLSForSentinelMode: true }),
    sentinelCommandTimeout: SENTINEL_TIMEOUT_MS,
    sentinelRetryStrategy: () => 250,
  };
}

function tlsOptions({ ca, cert, key }: TlsFiles): ConnectionOptions {
  return {
    ...(ca && { ca: readPem('CLIPMILL_REDIS_CA', ca) }),
    ...(cert && { cert: readPem('CLIPMILL_REDIS_CERT', cert) }),
    ...(key && { key: readPem('CLIPMILL_REDIS_KEY', key) }),
  };
}

function readPem(setting: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new UserError(`${setting}: ${describeError(error)}`, { cure: 'Set it to the path of a readable PEM file.' });
  }
}

/** Opens another connection to the same Redis, for blocking commands. */
export function duplicateRedis(redis: RedisClient): RedisClient {
  const copy = redis.duplicate();
  copy.on('error', () => {});
  autoCork(copy);
  allowListeners(copy);
  return copy;
}

/**
 * Calls `onOutage` with the reason whenever the connection is lost or cannot be opened, until the returned function
 * is called. That includes connections that are closed without an error: a proxy whose Redis is down accepts
 * connections and closes them, and ioredis reconnects forever without an error event.
 */
export function watchOutages(redis: RedisClient, onOutage: (reason: Error) => void): () => void {
  let reported = false;
  const onError = (error: Error) => {
    reported = true;
    onOutage(error);
  };
  const onReconnecting = () => {
    if (!reported) onOutage(new Error('the connection was closed'));
    reported = false;
  };
  redis.on('error', onError).on('sentinelError', onError).on('reconnecting', onReconnecting);
  return () => void redis.off('error', onError).off('sentinelError', onError).off('reconnecting', onReconnecting);
}
