/** Minimum number of ends that decide whether callbacks arrive. */
const MIN_ENDS = 50;
/** Callbacks have stopped if a larger share of the recent ends had none. */
const STOPPED = 0.2;
/** Callbacks arrive again if at most this share of the last `MIN_ENDS` ends had none. */
const RETURNED = 0.1;

/** Estimates the share of callbacks that are lost, from the recent ends of tasks with a callback URL. */
export class CallbackLoss {
  readonly #maxTasks: number;
  readonly #onChange: (arriving: boolean) => void;
  /** Whether a callback had arrived before each of the recent ends, oldest first. */
  #ends: boolean[] = [];
  #missing = 0;
  #arriving = true;

  /**
   * @param maxTasks the number of slots. Of tasks that are submitted simultaneously, those without a callback are found
   *   last: a smaller number of recent ends would contain only them.
   * @param onChange called when callbacks stop arriving, and when they arrive again
   */
  constructor(maxTasks: number, onChange: (arriving: boolean) => void) {
    this.#maxTasks = maxTasks;
    this.#onChange = onChange;
  }

  /** Whether callbacks arrive, so that polls are only the fallback. */
  get arriving(): boolean {
    return this.#arriving;
  }

  /** The share of callbacks that are lost, from 0 to 1. Few ends count as `MIN_ENDS`. */
  get rate(): number {
    return this.#missing / Math.max(MIN_ENDS, this.#ends.length);
  }

  /** Records that a poll found the end of a task with a callback URL. */
  record(byCallback: boolean): void {
    this.#ends.push(byCallback);
    if (!byCallback) this.#missing += 1;
    const window = this.#arriving ? Math.max(MIN_ENDS, this.#maxTasks) : MIN_ENDS;
    if (this.#ends.length > window && this.#ends.shift() === false) this.#missing -= 1;
    const changed = this.#arriving ? this.rate > STOPPED : this.#ends.length === MIN_ENDS && this.rate <= RETURNED;
    if (!changed) return;
    this.#arriving = !this.#arriving;
    this.#ends = [];
    this.#missing = 0;
    this.#onChange(this.#arriving);
  }
}
