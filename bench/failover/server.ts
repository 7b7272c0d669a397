import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';

/** The password of all users. */
export const PASSWORD = 'a-p@ss';

/** The permissions that clipmill needs, as docs/redis.md lists them. */
export const CLIPMILL_PERMISSIONS =
  '~{clipmill}:* resetchannels -@all +@read +@write +@connection +@transaction -@dangerous +eval +evalsha ' +
  '+script|load +script|exists +time +wait +info +role +config|get +cluster|nodes +cluster|keyslot';
/** The permissions that clipmill needs on a sentinel. */
export const SENTINEL_PERMISSIONS =
  'resetchannels &* -@all +@connection +subscribe +sentinel|get-master-addr-by-name +sentinel|master ' +
  '+sentinel|replicas +sentinel|sentinels +sentinel|myid';

export type Settings = Record<string, string>;

/** Returns whether valkey-server is on the PATH. */
export function hasValkey(): boolean {
  try {
    execFileSync('valkey-server', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** A Redis, Valkey or Sentinel process that can be frozen, continued and killed. */
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
    this.#program = options.valkey ? 'valkey-server' : 'redis-server';
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

/** The files of a certificate authority, and of a certificate for 127.0.0.1. */
export interface Certificates {
  ca: string;
  cert: string;
  key: string;
  caPem: Buffer;
}

/** Creates a certificate authority and a certificate for 127.0.0.1 with openssl. */
export function makeCertificates(folder: string): Certificates {
  mkdirSync(folder, { recursive: true });
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' });
  const subject = ['-subj', '/CN=clipmill fail-over'];
  const authority = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'ca.key', '-out', 'ca.pem'];
  openssl(...authority, '-days', '2', ...subject);
  openssl('req', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'server.key', '-out', 'server.csr', ...subject);
  writeFileSync(join(folder, 'names'), 'subjectAltName=IP:127.0.0.1,DNS:localhost\n');
  const sign = ['x509', '-req', '-in', 'server.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial'];
  openssl(...sign, '-days', '2', '-out', 'server.pem', '-extfile', 'names');
  const ca = join(folder, 'ca.pem');
  return { ca, cert: join(folder, 'server.pem'), key: join(folder, 'server.key'), caPem: readFileSync(ca) };
}

/** Returns the arguments `--name value …` of a server. */
export function flags(settings: Settings): string[] {
  return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, ...value.split('\n')]);
}

/** Returns the settings of a server that listens on a port of 127.0.0.1. */
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

/** Returns ports that are free now. */
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

/** Waits until a condition is true. @param what what is waited for, as a noun */
export async function until(what: string, found: () => Promise<boolean>, timeoutMs = 60_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await found())) {
    if (performance.now() > deadline) throw new Error(`timed out after ${timeoutMs / 1000} s: waiting for ${what}`);
    await sleep(100);
  }
}
