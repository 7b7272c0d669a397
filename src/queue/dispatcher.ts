import { dispatch } from '../ledger/dispatch.ts';
import { describeError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { RunScript } from '../ledger/scripts.ts';
import type { Queues } from './queues.ts';

/** Items dispatched in one call, so that no call blocks Redis for long. */
const PAGE = 200;
/** Between two dispatches without a kick, for slots that no event announces, such as one whose lease ended; in ms. */
const IDLE_MS = 1_000;

type Mode =
  /** Nothing to dispatch as far as is known. A kick or the timer starts a dispatch. */
  | 'idle'
  /** A dispatch is running: slots are assigned, submit jobs are added. Then idle, or again if it was kicked. */
  | 'dispatching'
  /** A dispatch is running, and something has changed since: it is repeated as soon as it ends. */
  | 'kicked'
  /** Final. A running dispatch ends, no other begins. */
  | 'stopped';

/**
 * Fills free slots with pending items. Every process runs one: the choice is one atomic script, and a process
 * that releases a slot or adds items kicks its own.
 */
export class Dispatcher {
  readonly #run: RunScript;
  readonly #queues: Pick<Queues, 'submit'>;
  readonly #log: Logger;
  #mode: Mode = 'idle';
  /** The running dispatch, or the last one. */
  #work: Promise<void> = Promise.resolve();
  /** Ends idleness without a kick. */
  #timer: NodeJS.Timeout | undefined;

  constructor(run: RunScript, queues: Pick<Queues, 'submit'>, log: Logger) {
    this.#run = run;
    this.#queues = queues;
    this.#log = log;
  }

  /** Starts a dispatch, or has the running one repeated. Never throws. */
  kick(): void {
    if (this.#mode === 'dispatching') this.#mode = 'kicked';
    if (this.#mode !== 'idle') return;
    clearTimeout(this.#timer);
    this.#mode = 'dispatching';
    this.#work = this.#dispatchUntilQuiet();
  }

  /** Resolves when the running dispatch has ended. */
  async stop(): Promise<void> {
    this.#mode = 'stopped';
    clearTimeout(this.#timer);
    await this.#work;
  }

  async #dispatchUntilQuiet(): Promise<void> {
    let wakeMs = IDLE_MS;
    do {
      this.#enter('dispatching');
      try {
        wakeMs = await this.#dispatch();
      } catch (error) {
        this.#log.warn({ reason: describeError(error) }, 'could not dispatch items, trying again');
      }
    } while (this.#is('kicked'));
    if (this.#is('stopped')) return;
    this.#enter('idle');
    this.#timer = setTimeout(() => this.kick(), wakeMs);
  }

  /** @returns when to dispatch again, in milliseconds */
  async #dispatch(): Promise<number> {
    for (;;) {
      const { attempts, wakeMs } = await dispatch(this.#run, PAGE);
      await this.#queues.submit(attempts);
      if (attempts.length < PAGE) return wakeMs > 0 ? Math.min(wakeMs, IDLE_MS) : IDLE_MS;
    }
  }

  #enter(mode: Mode): void {
    if (this.#mode !== 'stopped') this.#mode = mode;
  }

  #is(mode: Mode): boolean {
    return this.#mode === mode;
  }
}
