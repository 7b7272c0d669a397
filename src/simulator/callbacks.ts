import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { between } from './random.ts';
import { statusBody } from './status-task.ts';
import type { Task } from './task.ts';
import type { SimulatorContext } from './context.ts';

/** Waits after the first, second and third refusal, before they are divided by speed; then it is given up. */
const RETRY_MS = [30_000, 120_000, 600_000] as const;

/** Padding of a callback that is too long, in bytes. */
const LONG_BODY = 1_000_000;

type Deps = Pick<SimulatorContext, 'settings' | 'faults' | 'injector' | 'timeline' | 'unixBase' | 'urls' | 'recorder'>;

/** POSTs the status of ended tasks to their callback URLs until the receiver answers exactly 200. */
export class Callbacks {
  readonly #context: Deps;
  readonly #agent = new Agent({ pipelining: 1 });
  #closed = false;

  constructor(context: Deps) {
    this.#context = context;
  }

  /** Before the answer to the POST leaves. */
  taskMade(task: Task): void {
    const { callbackUrl: url } = task;
    if (url !== undefined && this.#context.injector.fires('earlyCallback')) this.#start(task, url, 1);
  }

  taskEnded(task: Task): void {
    const { callbackUrl: url } = task;
    const { injector, faults, timeline } = this.#context;
    if (url === undefined || injector.fires('dropCallback')) return;
    const late = injector.fires('delayCallback') ? between(injector.random, faults.callbackDelayMs) : 0;
    const times = injector.fires('duplicateCallback') ? 2 : 1;
    for (let i = 0; i < times; i++) timeline.after(late, () => this.#start(task, url, 1));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#agent.destroy();
  }

  #start(task: Task, url: string, attempt: number): void {
    this.#deliver(task, url, attempt).catch((error: unknown) => {
      // A delivery is not awaited: an error here is a bug of the simulator.
      queueMicrotask(() => {
        throw error;
      });
    });
  }

  async #deliver(task: Task, url: string, attempt: number): Promise<void> {
    const { recorder, timeline, settings } = this.#context;
    recorder.callbacks.sent++;
    const { ended } = task;
    const status = await this.#post(url, statusBody(this.#context, task));
    if (this.#closed) return;
    const at = timeline.now();
    recorder.delivery({ taskId: task.id, attempt, at, status });
    if (status === 200) {
      recorder.callbacks.accepted++;
      if (ended) task.firstSeenEndedAt ??= at;
      return;
    }
    recorder.callbacks.refused++;
    const wait = RETRY_MS[attempt - 1];
    if (wait === undefined) recorder.callbacks.givenUp++;
    else timeline.after(wait / settings.speed, () => this.#start(task, url, attempt + 1));
  }

  /** The status of the answer; null when there was none in time. */
  async #post(url: string, text: string): Promise<number | null> {
    try {
      const answer = await request(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: this.#bodyOf(text),
        dispatcher: this.#agent,
        signal: AbortSignal.timeout(this.#context.settings.callbackTimeoutMs),
      });
      // A receiver that keeps sending after its status does not keep the connection open.
      await answer.body.dump().catch(() => undefined);
      return answer.statusCode;
    } catch {
      return null;
    }
  }

  /** Applies faults to the body: an iterable is sent in chunks. */
  #bodyOf(text: string): string | Readable {
    const { injector, faults } = this.#context;
    if (injector.fires('longCallback')) text = JSON.stringify({ ...JSON.parse(text), padding: 'x'.repeat(LONG_BODY) });
    if (injector.fires('slowCallback'))
      return Readable.from(inHalves(text, between(injector.random, faults.callbackDelayMs)));
    return injector.fires('chunkedCallback') ? Readable.from(inHalves(text, 0)) : text;
  }
}

async function* inHalves(text: string, pauseMs: number): AsyncGenerator<string> {
  const middle = Math.ceil(text.length / 2);
  yield text.slice(0, middle);
  await sleep(pauseMs);
  yield text.slice(middle);
}
