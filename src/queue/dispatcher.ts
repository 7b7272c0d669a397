import { dispatch } from '../ledger/dispatch.ts';
import { describeError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { RunScript } from '../ledger/scripts.ts';
import type { Queues } from './queues.ts';

/** Maximum number of items per script call, so that no call blocks Redis for long. */
const PAGE = 200;
/** Interval of dispatches without a kick, in milliseconds: no event announces a slot whose lease ended. */
const IDLE_MS = 1_000;

type Mode =
  /** Nothing is known to be dispatchable. A kick or the timer starts a dispatch. */
  | 'idle'
  /** A dispatch is running: it assigns slots and adds submit jobs, then returns to idle. */
  | 'dispatching'
  /** A dispatch is running and was kicked meanwhile: it repeats when it ends. */
  | 'kicked'
  /** Final. A running dispatch completes, and no other starts. */
  | 'stopped';

/**
 * Fills free slots with pending items. Every process runs a dispatcher: one atomic script selects the items, and a
 * process that releases a slot or adds items kicks its own dispatcher.
 */
export class Dispatcher {
  readonly #run: RunScript;
  readonly #queues: Pick<Queues, 'submit'>;
  readonly #log: Logger;
  #mode: Mode = 'idle';
  /** The running dispatch, or the last one. */
  #work: Promise<void> = Promise.resolve();
  /** Starts the next dispatch without a kick. */
  #timer: NodeJS.Timeout | undefined;

  constructor(run: RunScript, queues: Pick<Queues, 'submit'>, log: Logger) {
    this.#run = run;
    this.#queues = queues;
    this.#log = log;
  }

  /** Starts a dispatch, or requests a repetition of the running one. Never throws. */
  kick(): void {
    if (this.#mode === 'dispatching') this.#mode = 'kicked';
    if (this.#mode !== 'idle') return;
    clearTimeout(this.#timer);
    this.#mode = 'dispatching';
    this.#work = this.#dispatchUntilQuiet();
  }

  /** Stops dispatching, and resolves when the running dispatch has ended. */
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

  /** Returns the delay until the next dispatch, in milliseconds. */
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
