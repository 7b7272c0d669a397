import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { awaitRedis } from '../src/redis/await-ready.ts';
import { openRedis } from '../src/redis/connect.ts';

/** A redis-server that can be killed and restarted with its data. */
export interface KillableRedis {
  url: string;
  killAndRestart(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a redis-server. @param folder at most about 90 characters: the path of a unix socket is limited */
export async function startKillableRedis(folder: string): Promise<KillableRedis> {
  await mkdir(folder, { recursive: true });
  const socket = join(folder, 'redis.sock');
  const url = `unix://${socket}`;
  let server: ChildProcess;

  async function start(): Promise<void> {
    const settings = ['--port', '0', '--unixsocket', socket, '--dir', folder, '--save', '', '--appendonly', 'yes'];
    server = spawn('redis-server', [...settings, '--maxmemory-policy', 'noeviction'], { stdio: 'ignore' });
    const redis = openRedis(url, { name: 'chaos', patient: true });
    await awaitRedis(redis, url);
    redis.disconnect();
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    const ended = once(server, 'exit');
    server.kill(signal);
    await ended;
  }

  await start();
  return {
    url,
    async killAndRestart() {
      await end('SIGKILL');
      await start();
    },
    stop: () => end('SIGTERM'),
  };
}
