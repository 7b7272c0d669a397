import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { startProgram, type Program } from '../processes.ts';
import { usage, PROBE_FOLDER, probeFile, type Usage } from './resource-probe.ts';

/** The resource usage of a process at one time. */
export interface Sample extends Usage {
  /** Minutes since the soak began. */
  minute: number;
  descriptors: number;
}

/** A worker process with its samples. */
export interface WorkerProcess {
  name: string;
  roles: readonly string[];
  program: Program;
  samples: Sample[];
}

/** The worker processes of an installation: two run throughout, one is deployed again and again. */
export class SoakWorkers {
  readonly #env: Record<string, string>;
  readonly #folder: string;
  readonly members: WorkerProcess[] = [];
  /** Processes that a deploy has replaced. */
  readonly retired: WorkerProcess[] = [];

  /** @param folder where the processes write their resource usage */
  constructor(env: Record<string, string>, folder: string) {
    this.#env = { ...env, [PROBE_FOLDER]: folder };
    this.#folder = folder;
  }

  async add(name: string, roles: readonly string[]): Promise<void> {
    this.members.push({ name, roles, program: await this.#start(roles), samples: [] });
  }

  /** Replaces a process by SIGTERM, as a deploy does: the new one starts before the old one drains. */
  async deploy(name: string): Promise<void> {
    const index = this.members.findIndex((member) => member.name === name);
    const old = this.members[index];
    if (!old) throw new Error(`no process ${name}`);
    this.members[index] = { ...old, program: await this.#start(old.roles), samples: [] };
    this.retired.push(old);
    await old.program.stop('SIGTERM');
  }

  /** Adds a sample to each process. */
  async sample(minute: number): Promise<void> {
    for (const { program, samples } of this.members) {
      const text = await readFile(probeFile(this.#folder, program.pid), 'utf8').catch(() => undefined);
      const descriptors = await readdir(`/proc/${program.pid}/fd`).catch(() => []);
      if (text) samples.push({ ...usage.parse(JSON.parse(text)), minute, descriptors: descriptors.length });
    }
  }

  /** Rejects when a process ends by itself. */
  died(): Promise<never> {
    return Promise.race(this.members.map((member) => member.program.died));
  }

  async stop(): Promise<void> {
    await Promise.all(this.members.map((member) => member.program.stop()));
  }

  #start(roles: readonly string[]): Promise<Program> {
    const probe = new URL('resource-probe.js', import.meta.url);
    return startProgram('src/cli/main.js', ['work', ...roles], this.#env, {
      waitForLog: 'working',
      nodeArgs: ['--expose-gc', '--import', fileURLToPath(probe)],
    });
  }
}
