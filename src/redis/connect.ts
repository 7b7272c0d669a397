import { Cluster, Redis, type RedisOptions } from 'ioredis';
import { describeError, UserError } from '../core/errors.ts';
import { autoCork } from './auto-cork.ts';

export type RedisClient = Redis | Cluster;

export interface ConnectOptions {
  /** Shown by CLIENT LIST. */
  name: string;
  /**
   * Workers wait for Redis to come back, however long it takes. Whoever has a person or a caller
   * waiting fails after a few seconds instead.
   */
  patient: boolean;
}

/**
 * A reply that takes longer than this means a dead connection (a firewall that forgot it, a host that
 * vanished): reconnect. Longer than BullMQ's longest blocking wait of 10 s.
 */
const SOCKET_TIMEOUT_MS = 15_000;

function commonOptions(options: ConnectOptions) {
  return {
    connectionName: options.name,
    connectTimeout: 5_000,
    socketTimeout: SOCKET_TIMEOUT_MS,
    keepAlive: 10_000,
    maxRetriesPerRequest: options.patient ? null : 2,
    retryStrategy: (times: number) => Math.min(50 * 2 ** Math.min(times, 6), 2_000) * (0.75 + Math.random() / 2),
    // After a failover the old master is read-only: find the new one and send the command again.
    reconnectOnError: (error: Error): 2 | false => (error.message.startsWith('READONLY') ? 2 : false),
  } satisfies RedisOptions;
}

/**
 * Opens a connection to any form of Redis:
 * - `redis://[user:password@]host:port/db`, `rediss://…` (TLS)
 * - `unix:///path/to/redis.sock?db=0`; a path that begins with `.` is relative to the working folder
 * - `redis+sentinel://[user:password@]host:26379,host:26379/master-name/db`
 * - `redis+cluster://[user:password@]host:7000,host:7001` (both also as `rediss+…`)
 */
export function openRedis(url: string, options: ConnectOptions): RedisClient {
  const common = commonOptions(options);
  const client = connect(url, common);
  // Without a listener ioredis prints every error by itself.
  client.on('error', () => {});
  if (client instanceof Redis) autoCork(client);
  return client;
}

/**
 * Calls `tell` with the reason whenever the connection is lost or cannot be made, until the returned
 * function is called. A forwarder whose Redis is gone takes connections and ends them, which is no error to
 * ioredis: it connects anew, for ever and in silence.
 */
export function watchOutages(redis: RedisClient, tell: (reason: Error) => void): () => void {
  let told = false;
  const onError = (error: Error) => {
    told = true;
    tell(error);
  };
  const onReconnecting = () => {
    if (!told) tell(new Error('the connection was ended'));
    told = false;
  };
  redis.on('error', onError).on('reconnecting', onReconnecting);
  return () => void redis.off('error', onError).off('reconnecting', onReconnecting);
}

function connect(url: string, common: ReturnType<typeof commonOptions>): RedisClient {
  const parts =
    /^(?<scheme>[a-z+]+):\/\/(?:(?<user>[^:@/]*)(?::(?<password>[^@]*))?@)?(?<hosts>[^/?]*)(?<path>[^?]*)(?<query>.*)$/.exec(
      url,
    )?.groups;
  if (!parts) throw new UserError(`REDIS_URL has no form that is known: ${hidePassword(url)}`);
  const { scheme = '', hosts = '', path = '' } = parts;
  if (scheme === 'unix') {
    return new Redis({ ...common, path: hosts + path, db: Number(new URLSearchParams(parts.query).get('db') ?? 0) });
  }
  if (scheme === 'redis' || scheme === 'rediss') return new Redis(url, common);

  const credentials = {
    ...(parts.user && { username: decodeURIComponent(parts.user) }),
    ...(parts.password && { password: decodeURIComponent(parts.password) }),
    ...(scheme.startsWith('rediss') && { tls: {} }),
  };
  const nodes = hosts.split(',').map((entry) => {
    const [host = '', port] = entry.split(':');
    return { host, port: Number(port ?? (scheme.endsWith('sentinel') ? 26_379 : 6_379)) };
  });
  if (scheme.endsWith('cluster')) return new Cluster(nodes, { redisOptions: { ...common, ...credentials } });
  const [name = 'mymaster', db = '0'] = path.replace(/^\//, '').split('/');
  return new Redis({ ...common, ...credentials, sentinels: nodes, name, db: Number(db) });
}

/** Another connection to the same Redis, for commands that block. */
export function duplicateRedis(redis: RedisClient): RedisClient {
  return redis instanceof Cluster ? redis.duplicate() : redis.duplicate();
}

/** The URL as it may be printed. */
export function hidePassword(url: string): string {
  return url.replace(/(:\/\/[^/@]*:)[^@]*@/, '$1********@');
}

/**
 * Waits until Redis answers.
 * @throws UserError that says how to start one, when it does not within `timeoutMs`.
 */
export async function awaitRedis(redis: RedisClient, url: string, timeoutMs = 5_000): Promise<void> {
  let outage: Error | undefined;
  const unwatch = watchOutages(redis, (reason) => {
    outage = reason;
  });
  let timer: NodeJS.Timeout | undefined;
  try {
    const timeout = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs / 1000} s`)), timeoutMs);
    });
    await Promise.race([redis.ping(), timeout]);
  } catch (error) {
    throw new UserError(`cannot reach Redis at ${hidePassword(url)}: ${describeError(outage ?? error)}`, {
      cure: 'Start one with `docker compose up -d redis` or `redis-server --appendonly yes`, or set REDIS_URL to yours.',
      cause: error,
    });
  } finally {
    clearTimeout(timer);
    unwatch();
  }
}
