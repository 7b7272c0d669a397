import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { Certificates } from './certificates.ts';

/** The password of every user here. */
export const PASSWORD = 'a-p@ss';

/** The least rights of clipmill, as docs/redis.md lists them. */
export const LEAST_RIGHTS =
  '~{clipmill}:* resetchannels -@all +@read +@write +@connection +@transaction -@dangerous +eval +evalsha ' +
  '+script|load +script|exists +time +wait +info +role +config|get +cluster|nodes +cluster|keyslot';
/** What it needs of a sentinel. */
export const SENTINEL_RIGHTS =
  'resetchannels &* -@all +@connection +subscribe +sentinel|get-master-addr-by-name +sentinel|master ' +
  '+sentinel|replicas +sentinel|sentinels +sentinel|myid';

export type Settings = Record<string, string>;

/** valkey-server where it is on the PATH and asked for, else redis-server. */
function serverProgram(valkey: boolean): string {
  return valkey ? 'valkey-server' : 'redis-server';
}

export function hasValkey(): boolean {
  try {
    execFileSync('valkey-server', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** A server process of a fail-over, to be stopped, continued and killed. */
export class Server {
  readonly port: number;
  readonly admin: Redis;
  readonly #program: string;
  readonly #args: string[];
  readonly #folder: string;
  #process: ChildProcess | undefined;

  constructor(folder: string, port: number, args: string[], options: { valkey: boolean; tls?: Certificates }) {
    this.port = port;
    this.#folder = folder;
    this.#args = args;
    this.#program = serverProgram(options.valkey);
    this.admin = new Redis({
      port,
      host: '127.0.0.1',
      lazyConnect: true,
      ...(options.tls && { tls: { ca: options.tls.caPem } }),
      enableReadyCheck: false,
      commandTimeout: 5_000,
      retryStrategy: () => 200,
    });
    this.admin.on('error', () => {});
  }

  async start(): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    this.#process = spawn(this.#program, this.#args, { cwd: this.#folder, stdio: 'ignore' });
    for (let tries = 0; tries < 100; tries += 1) {
      if ((await this.admin.ping().catch(() => '')) === 'PONG') return;
      await sleep(100);
    }
    throw new Error(`${this.#program} on port ${this.port} does not answer`);
  }

  freeze(): void {
    this.#process?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#process?.kill('SIGCONT');
  }

  async kill(): Promise<void> {
    if (!this.#process || this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const gone = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await gone;
  }

  async stop(): Promise<void> {
    this.admin.disconnect();
    await this.kill();
  }
}

/** `--name value …` as the command line of a server takes it. */
export function flags(settings: Settings): string[] {
  return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, ...value.split('\n')]);
}

export function listening(port: number, tls: Certificates | undefined): Settings {
  if (!tls) return { port: String(port), bind: '127.0.0.1' };
  return {
    port: '0',
    bind: '127.0.0.1',
    'tls-port': String(port),
    'tls-cert-file': tls.cert,
    'tls-key-file': tls.key,
    'tls-ca-cert-file': tls.ca,
    'tls-auth-clients': 'no',
    'tls-replication': 'yes',
    'tls-cluster': 'yes',
  };
}

export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => server.close() && once(server, 'close')));
  return ports;
}

export function nodeFolder(folder: string, port: number): string {
  return join(folder, String(port));
}
