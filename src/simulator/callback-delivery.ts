import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { between } from './random.ts';
import { statusBody } from './status-task.ts';
import type { Task } from './task.ts';
import type { SimulatorContext } from './context.ts';

/** Delays after the first, second and third refusal, in milliseconds, divided by `speed`. Then delivery stops. */
const RETRY_MS = [30_000, 120_000, 600_000] as const;

/** Padding of an oversized callback, in bytes. */
const LONG_BODY = 1_000_000;

type Deps = Pick<SimulatorContext, 'settings' | 'faults' | 'injector' | 'timeline' | 'unixBase' | 'urls' | 'recorder'>;

/** POSTs the status of ended tasks to their callback URLs until the receiver responds with 200. */
export class Callbacks {
  readonly #context: Deps;
  readonly #agent = new Agent({ pipelining: 1 });
  #closed = false;

  constructor(context: Deps) {
    this.#context = context;
  }

  /** Must be called before the response to the POST is sent. */
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
      // Deliveries are not awaited. An error here is a bug in the simulator.
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

  /** @returns the status of the response; null if there was none in time */
  async #post(url: string, text: string): Promise<number | null> {
    try {
      const answer = await request(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: this.#bodyOf(text),
        dispatcher: this.#agent,
        signal: AbortSignal.timeout(this.#context.settings.callbackTimeoutMs),
      });
      // Discards the body, so that the connection can be reused.
      await answer.body.dump().catch(() => undefined);
      return answer.statusCode;
    } catch {
      return null;
    }
  }

  /** Applies faults to the body. A stream is sent in chunks. */
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
