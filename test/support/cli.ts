import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { onTestFinished } from 'vitest';
import { until } from './until.ts';

const built = resolve(import.meta.dirname, '../../dist');

export interface Finished {
  code: number | null;
  out: string;
  err: string;
}

export interface Running {
  child: ChildProcess;
  /** The output so far. */
  out(): string;
  err(): string;
  /** Resolves when `text` has been printed to either. */
  saying(text: string | RegExp): Promise<void>;
  finished: Promise<Finished>;
}

/** A folder of its own, gone when the test ends. */
export async function workFolder(files: Record<string, string> = {}): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'clipmill-cli-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  return folder;
}

/** Runs a built program as a user would; what it leaves behind is killed when the test ends. */
export function start(
  program: string,
  args: readonly string[],
  folder: string,
  env: Record<string, string> = {},
): Running {
  const child = spawn(process.execPath, [join(built, program), ...args], {
    cwd: folder,
    env: { PATH: process.env['PATH'], HOME: folder, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const finished = new Promise<Finished>((done) => child.on('close', (code) => done({ code, out, err })));
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await finished;
  });
  return {
    child,
    out: () => out,
    err: () => err,
    finished,
    async saying(text) {
      const said = () => (typeof text === 'string' ? (out + err).includes(text) : text.test(out + err));
      await until(() => said() || child.exitCode !== null, `"${text}"`);
      if (!said()) throw new Error(`ended without printing ${text}:\n${out}\n${err}`);
    },
  };
}

export function clipmill(args: readonly string[], folder: string, env: Record<string, string> = {}): Running {
  return start('src/cli/main.js', args, folder, env);
}

/** For a simulator at this speed: the documented times, divided by it. */
export function scaled(url: string, speed: number): Record<string, string> {
  return {
    APIXO_BASE_URL: url,
    CLIPMILL_REQUEST_WINDOW: `${60_000 / speed}ms`,
    CLIPMILL_POLL_DELAY: `${50_000 / speed}ms`,
    CLIPMILL_POLL_INTERVAL: `${5_000 / speed}ms`,
  };
}
