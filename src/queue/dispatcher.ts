import { dispatch } from '../ledger/dispatch.ts';
import { describeError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { RunScript } from '../ledger/scripts.ts';
import type { Queues } from './queues.ts';

/** Items handed out in one call, so that no call holds Redis for long. */
const PAGE = 200;
/** A look now and then for what no event announced, such as a slot whose lease ended. */
const IDLE_MS = 1_000;

/**
 * Fills free slots with pending items. Any process may run one: the choice is one atomic script, and
 * whoever frees a slot or adds items kicks its own.
 *
 *   idle -> kick or timer -> handing out -> idle
 */
export class Dispatcher {
  readonly #run: RunScript;
  readonly #queues: Pick<Queues, 'submit'>;
  readonly #log: Logger;
  #busy: Promise<void> | undefined;
  #again = false;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(run: RunScript, queues: Pick<Queues, 'submit'>, log: Logger) {
    this.#run = run;
    this.#queues = queues;
    this.#log = log;
  }

  /** Something changed: look for items to hand out. Never throws; kicks while busy become one more look. */
  kick(): void {
    this.#again = true;
    if (this.#stopped || this.#busy) return;
    clearTimeout(this.#timer);
    this.#busy = this.#work();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#busy;
  }

  async #work(): Promise<void> {
    let wakeMs = IDLE_MS;
    while (this.#again && !this.#stopped) {
      this.#again = false;
      try {
        wakeMs = await this.#handOut();
      } catch (error) {
        this.#log.warn({ reason: describeError(error) }, 'could not hand out items, trying again');
      }
    }
    this.#busy = undefined;
    if (!this.#stopped) this.#timer = setTimeout(() => this.kick(), wakeMs);
  }

  /** @returns when to look again, in milliseconds */
  async #handOut(): Promise<number> {
    for (;;) {
      const { attempts, wakeMs } = await dispatch(this.#run, PAGE);
      await this.#queues.submit(attempts);
      if (attempts.length < PAGE) return wakeMs > 0 ? Math.min(wakeMs, IDLE_MS) : IDLE_MS;
    }
  }
}
