import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import { Redis } from 'ioredis';
import { parseRedisUrl, type RedisTarget } from '../config/redis-url.ts';
import { describeError, UserError } from '../core/errors.ts';
import { autoCork } from './auto-cork.ts';
import type { ClientOptions } from './client-options.ts';
import { SwitchWatch } from './switch-watch.ts';
import { SlotConnector, SlotOwner } from './slot-owner.ts';

/**
 * A connection to one server: the standalone one, the master that the sentinels name, or the master of the
 * cluster slot that holds the prefix. All keys have one hash tag, so one connection serves a whole cluster too.
 */
export type RedisClient = Redis;

/** Files in PEM format for TLS connections. */
export interface TlsFiles {
  /** Certificates of the authorities to trust, in place of those that Node.js knows. */
  ca?: string | undefined;
  /** Client certificate and its key, for servers that ask for one. */
  cert?: string | undefined;
  key?: string | undefined;
}

export interface ConnectOptions {
  /** Shown by CLIENT LIST. */
  name: string;
  /** Workers wait for Redis to come back, however long it takes. Commands fail after a few seconds instead. */
  patient: boolean;
  tls?: TlsFiles;
  /** Key whose slot is served, of a cluster. Default: that of the prefix `clipmill`. */
  slotKey?: string;
}

/**
 * A reply that takes longer than this means a dead connection (a firewall that forgot it, a host that
 * vanished): reconnect. Longer than BullMQ's longest blocking wait of 10 s.
 */
const SOCKET_TIMEOUT_MS = 15_000;
const CONNECT_TIMEOUT_MS = 5_000;
/** How long a sentinel may take to name the master, in milliseconds: a frozen one must not hold up a fail-over. */
const SENTINEL_TIMEOUT_MS = 1_500;

/**
 * Replies that mean "not this server, or not yet": connect to the server that is in charge by then, and send the
 * command again. ASK and TRYAGAIN come while a slot migrates: a script that followed them would run where half
 * of its keys are missing, so it waits until the migration is over.
 */
const MOVED_AWAY = /^(READONLY|MOVED|ASK|TRYAGAIN|CLUSTERDOWN|MASTERDOWN|UNBLOCKED|LOADING)\b/;

/** Extra options that BullMQ reads from a connection. */
interface BullOptions {
  /** It would ask INFO, which access rules may forbid; the preflight has judged the version. */
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
    // A server that still loads its data refuses commands, and is tried again as above; asking INFO first takes a right.
    enableReadyCheck: false,
    skipVersionCheck: true,
  } satisfies ClientOptions & BullOptions;
}

/**
 * Opens a connection to any form of Redis that `parseRedisUrl` knows.
 * @throws UserError when the URL or a TLS file cannot be used
 */
export function openRedis(url: string, options: ConnectOptions): RedisClient {
  const settings = redisOptions(parseTarget(url), options);
  const client = new Redis(settings);
  if (settings.sentinels) new SwitchWatch(settings).add(client);
  // Without a listener ioredis prints every error by itself.
  client.on('error', () => {});
  autoCork(client);
  allowListeners(client);
  return client;
}

/** For each command that an old master refuses, ioredis adds a listener to the socket: Node would warn of a leak. */
function allowListeners(redis: RedisClient): void {
  redis.on('connect', () => void redis.stream.setMaxListeners(0));
}

function parseTarget(url: string): RedisTarget {
  try {
    return parseRedisUrl(url);
  } catch (error) {
    throw new UserError(`REDIS_URL ${describeError(error)}`, {
      cure: 'Write it as redis://[user:password@]host:6379/0; docs/redis.md has every form.',
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
    // A sentinel that was cut off may name a master that is one no more.
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
    throw new UserError(`${setting}: ${describeError(error)}`, { cure: 'Name a readable file in PEM format.' });
  }
}

/** Another connection to the same Redis, for commands that block. */
export function duplicateRedis(redis: RedisClient): RedisClient {
  const copy = redis.duplicate();
  copy.on('error', () => {});
  autoCork(copy);
  allowListeners(copy);
  return copy;
}

/**
 * Calls `onOutage` with the reason whenever the connection is lost or cannot be made, until the returned
 * function is called. A forwarder whose Redis is gone accepts connections and ends them, which is no error to
 * ioredis: it reconnects for ever and in silence.
 */
export function watchOutages(redis: RedisClient, onOutage: (reason: Error) => void): () => void {
  let reported = false;
  const onError = (error: Error) => {
    reported = true;
    onOutage(error);
  };
  const onReconnecting = () => {
    if (!reported) onOutage(new Error('the connection was ended'));
    reported = false;
  };
  redis.on('error', onError).on('sentinelError', onError).on('reconnecting', onReconnecting);
  return () => void redis.off('error', onError).off('sentinelError', onError).off('reconnecting', onReconnecting);
}
