import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { UserError } from '../../core/errors.ts';
import { awaitRedis } from '../await-ready.ts';
import { openRedis } from '../connect.ts';
import { folderHolder, FolderInUse, lockFolder, socketPath } from './folder-lock.ts';

/** How often the append-only file is flushed. */
export type Fsync = 'always' | 'everysec';

/** A private Redis in a folder, for one machine. */
export interface EmbeddedRedis {
  /** `unix://…`, as `openRedis` accepts it. */
  url: string;
  /** Stops the server, if this process started it. */
  stop(): Promise<void>;
}

/**
 * Runs redis-server until standard input ends. The kernel closes that when the parent dies, so even a kill -9 leaves
 * no server behind. The server has its own session, so that Ctrl-C in the terminal reaches clipmill alone, which needs
 * its Redis for the drain.
 */
const supervisor = `
  exec 3<&0
  "$@" </dev/null &
  server=$!
  (cat <&3 >/dev/null; kill -TERM $server 2>/dev/null) &
  exec 3<&-
  wait $server
`;

/**
 * Starts a private Redis with its data in `folder`: append-only file on, no eviction, reachable only by a Unix socket.
 * It ends with this process.
 * @param fsync `always` (default): Redis replies after the flush to disk, one for all commands of an event loop
 * iteration; `everysec`: a power failure loses up to a second of writes
 * @throws UserError when another clipmill uses the folder, no Redis is installed, or Redis does not start
 */
export async function startEmbeddedRedis(folder: string, fsync: Fsync = 'always'): Promise<EmbeddedRedis> {
  const directory = resolve(folder);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const unlock = await lockFolder(directory).catch((error: unknown) => {
    if (!(error instanceof FolderInUse)) throw error;
    throw new UserError(error.message, {
      cure: 'Let it finish (`clipmill status` shows it), or work in another folder.',
    });
  });
  try {
    return await launch(directory, fsync, unlock);
  } catch (error) {
    unlock();
    throw error;
  }
}

/**
 * Returns the private Redis of a folder that `clipmill run` uses or has used: the running one, or one that is started
 * for this process.
 * @returns `undefined` when the folder does not exist
 */
export async function joinEmbeddedRedis(folder: string): Promise<EmbeddedRedis | undefined> {
  const directory = resolve(folder);
  const exists = await access(directory).then(
    () => true,
    () => false,
  );
  if (!exists) return undefined;
  if ((await folderHolder(directory)) === undefined) return await startEmbeddedRedis(directory);
  return { url: `unix://${socketPath(directory, 'redis.sock')}`, stop: async () => {} };
}

async function launch(directory: string, fsync: Fsync, unlock: () => void): Promise<EmbeddedRedis> {
  const socket = socketPath(directory, 'redis.sock');
  await endLeftOver(socket);
  const options = {
    port: '0',
    unixsocket: resolve(socket) === join(directory, 'redis.sock') ? 'redis.sock' : socket,
    unixsocketperm: '700',
    dir: '.',
    appendonly: 'yes',
    appendfsync: fsync,
    save: '',
    'maxmemory-policy': 'noeviction',
    // Items are hashes with texts of a few hundred bytes: as listpacks they take half the memory.
    'hash-max-ziplist-value': '2048',
    loglevel: 'warning',
    logfile: 'redis.log',
  };
  const flags = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
  const child = spawn('/bin/sh', ['-c', supervisor, 'sh', await findServer(), ...flags], {
    cwd: directory,
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  child.unref();
  const url = `unix://${socket}`;
  const stop = async () => {
    child.ref();
    const ended = child.exitCode === null ? once(child, 'exit') : undefined;
    child.stdin.destroy();
    await ended;
    unlock();
  };
  try {
    await Promise.race([ready(url), startFailure(child, directory)]);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, stop };
}

/**
 * Stops a server whose parent was killed and that is still running: two servers would corrupt the append-only file.
 * A server removes its socket after its last write to disk.
 */
async function endLeftOver(socket: string): Promise<void> {
  const exists = await access(socket).then(
    () => true,
    () => false,
  );
  if (!exists) return;
  const redis = new Redis({ path: socket, lazyConnect: true, retryStrategy: null, enableReadyCheck: false });
  redis.on('error', () => {});
  try {
    await redis.connect();
    const closed = once(redis, 'end');
    await redis.shutdown().catch(() => {});
    await closed;
  } catch {
    // The socket is stale: no process listens on it.
  } finally {
    redis.disconnect();
  }
}

/** Waits until the server has loaded its data, which takes about a second per 100 MB. */
async function ready(url: string): Promise<void> {
  const redis = openRedis(url, { name: 'clipmill-start', patient: true });
  try {
    await awaitRedis(redis, url, 120_000);
  } finally {
    redis.disconnect();
  }
}

async function startFailure(child: ChildProcess, directory: string): Promise<never> {
  await once(child, 'exit');
  const log = await readFile(join(directory, 'redis.log'), 'utf8').catch(() => '');
  throw new UserError(`the private Redis in ${directory} did not start: ${lastLine(log)}`, {
    cure: `Read ${join(directory, 'redis.log')}, or set REDIS_URL to a Redis of your own.`,
  });
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) || 'its log is empty';
}

/**
 * Returns the server program that would be started, and its version where it prints one.
 * @throws UserError when none is installed
 */
export async function installedServer(): Promise<{ path: string; version: string | undefined }> {
  const path = await findServer();
  const printed = await promisify(execFile)(path, ['--version']).catch(() => undefined);
  return { path, version: / v=(\S+)/.exec(printed?.stdout ?? '')?.[1] };
}

/** Returns the path of the server program on the PATH. */
async function findServer(): Promise<string> {
  const found = await promisify(execFile)('/bin/sh', [
    '-c',
    'command -v redis-server || command -v valkey-server',
  ]).catch(() => undefined);
  const path = found?.stdout.trim();
  if (path) return path;
  throw new UserError('neither redis-server nor valkey-server is installed', {
    cure: 'Install one (Debian/Ubuntu: apt-get install redis-server; macOS: brew install redis), or set REDIS_URL.',
  });
}
