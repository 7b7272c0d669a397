import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

/** A process of the built program, with its resource usage. */
export interface Program {
  pid: number;
  child: ChildProcess;
  /** The first line that it printed, if `waitForLine` is set. */
  firstLine: string;
  /** Rejects if it ends without `stop`. */
  died: Promise<never>;
  /** Returns its CPU time in milliseconds, user and system: since the line of `waitForLog`, else since its start. */
  cpuMs(): Promise<number>;
  /** Returns its resident memory in bytes: now, and at its peak. */
  memory(): Promise<{ bytes: number; peakBytes: number }>;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

const built = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url));

/** Clock ticks per second in /proc, a constant of the kernel's interface. */
const TICKS = 100;

/** Starts a built program. @param path of the file below dist/ */
export async function startProgram(
  path: string,
  args: readonly string[],
  env: Record<string, string>,
  options: { waitForLine?: boolean; waitForLog?: string; cwd?: string; nodeArgs?: readonly string[] } = {},
): Promise<Program> {
  const child = spawn(process.execPath, [...(options.nodeArgs ?? []), built(path), ...args], {
    cwd: options.cwd,
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', options.waitForLog ? 'pipe' : 'inherit'],
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`${path} did not start`);
  let stopping = false;
  const died = new Promise<never>((_resolve, reject) => {
    child.once('exit', (code, signal) => {
      if (!stopping) reject(new Error(`${path} ended by itself: ${String(signal ?? code)}`));
    });
  });
  // A caller may not await it: without this its rejection would be unhandled.
  died.catch(() => {});
  let firstLine = '';
  if (options.waitForLine) {
    const [line] = (await Promise.race([once(createInterface(child.stdout ?? Readable.from([])), 'line'), died])) as [
      string,
    ];
    firstLine = line;
  } else {
    child.stdout?.resume();
  }
  if (child.stderr && options.waitForLog) await Promise.race([logged(child.stderr, options.waitForLog), died]);
  const startupMs = options.waitForLog ? await cpuMs(pid) : 0;
  return {
    pid,
    child,
    firstLine,
    died,
    cpuMs: async () => (await cpuMs(pid)) - startupMs,
    memory: () => memory(pid),
    async stop(signal = 'SIGTERM') {
      stopping = true;
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill(signal);
      await ended;
    },
  };
}

/** Resolves when a log line with this message arrives. Prints the lines of all levels but `info`. */
function logged(stream: Readable, message: string): Promise<void> {
  return new Promise((resolve) => {
    createInterface(stream).on('line', (line) => {
      if (line.includes(`"msg":"${message}"`)) resolve();
      if (!line.includes('"level":"info"')) process.stderr.write(`${line}\n`);
    });
  });
}

/** Returns the CPU time of a process in milliseconds; 0 if the system has no /proc. */
export async function cpuMs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / TICKS) * 1000;
}

/** Returns 0 if the system has no /proc. */
async function memory(pid: number): Promise<{ bytes: number; peakBytes: number }> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const bytes = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1] ?? 0) * 1024;
  return { bytes: bytes('VmRSS'), peakBytes: bytes('VmHWM') };
}
