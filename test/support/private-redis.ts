import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { Redis } from 'ioredis';
import { onTestFinished } from 'vitest';
import { workFolder } from './cli.ts';
import { until } from './until.ts';

/** A redis-server of one test's own, on a TCP port, to be broken at will. */
export interface PrivateRedis {
  url: string;
  port: number;
  /** As a power cut would: nothing is written any more. */
  kill(): Promise<void>;
  /** On the same port and data. */
  start(): Promise<void>;
}

export async function privateRedis(settings: Record<string, string> = {}): Promise<PrivateRedis> {
  const folder = await workFolder();
  const port = await freePort();
  const flags = Object.entries({ port: String(port), bind: '127.0.0.1', save: '', loglevel: 'warning', ...settings });
  let server: ChildProcess | undefined;

  async function kill(): Promise<void> {
    if (!server || server.exitCode !== null || server.signalCode !== null) return;
    const gone = once(server, 'exit');
    server.kill('SIGKILL');
    await gone;
  }

  async function start(): Promise<void> {
    server = spawn(
      'redis-server',
      flags.flatMap(([name, value]) => [`--${name}`, value]),
      { cwd: folder, stdio: 'ignore' },
    );
    await until(() => answers(port), 'the private redis-server');
  }

  onTestFinished(kill);
  await start();
  return { url: `redis://127.0.0.1:${port}`, port, kill, start };
}

async function answers(port: number): Promise<boolean> {
  const redis = new Redis({ port, host: '127.0.0.1', lazyConnect: true, retryStrategy: null });
  redis.on('error', () => {});
  try {
    await redis.connect();
    return (await redis.ping()) === 'PONG';
  } catch {
    return false;
  } finally {
    redis.disconnect();
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
