import { startProgram, type Program } from '../processes.ts';

/** Worker processes. A killed one is replaced, as a service manager does. */
export class WorkerPool {
  readonly #workers: Program[] = [];
  readonly #env: Record<string, string>;
  #next = 0;
  /** Processes killed so far. */
  killed = 0;

  constructor(env: Record<string, string>) {
    this.#env = env;
  }

  async start(count: number): Promise<void> {
    for (let n = 0; n < count; n += 1) this.#workers.push(await startProgram('workers/all.js', [], this.#env));
  }

  /** Kills the next process, in a fixed order, with SIGKILL, and starts another one. */
  async killOne(): Promise<void> {
    const index = this.#next++ % this.#workers.length;
    await this.#workers[index]?.stop('SIGKILL');
    this.killed += 1;
    this.#workers[index] = await startProgram('workers/all.js', [], this.#env);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.stop('SIGTERM')));
  }
}
