import { type Model, secondsOf } from '../../apixo/model.ts';
import type { PollPlan } from './plan.ts';

export interface CallbackPlanOptions {
  /** CLIPMILL_POLL_DELAY: its ratio to the documented delay scales every time below, for an API that is faster. */
  pollDelayMs: number;
  model: Pick<Model, 'generationMs' | 'pollDelayMs'>;
  /** The plan of CLIPMILL_POLLING, used while callbacks do not arrive. */
  polling: PollPlan;
  /** Called when callbacks stop arriving, and when they arrive again. */
  onChange(coming: boolean): void;
}

/**
 * From the longest documented time to the first fallback poll, and from one to the next, in milliseconds. A slot whose
 * callback is lost is idle until that poll, while few tasks still run by then: 15 s cost 2 % of the throughput where
 * one callback in twenty is lost.
 */
const GRACE_MS = 2_000;
const EVERY_MS = 30_000;
/** Waits between the polls after a callback that came before the end shows, in milliseconds. */
const AFTER_HINT_MS = [1_000, 2_000, 5_000];
/** More than LOST of the last ENDS ends found by the fallback: callbacks do not arrive. At most BACK: they do again. */
const ENDS = 50;
const LOST = 10;
const BACK = 5;

/**
 * Plans the polls of tasks that have a callback: one when it arrives, and late and sparse ones in case it does not.
 *
 *   coming -> more than LOST of the last ENDS ends without a callback -> polling -> at most BACK of them -> coming
 */
export class CallbackPlan implements PollPlan {
  readonly #options: CallbackPlanOptions;
  readonly #scale: number;
  /** Whether a callback had arrived, of the last ends, oldest first. */
  readonly #ends: boolean[] = [];
  #coming = true;

  constructor(options: CallbackPlanOptions) {
    this.#options = options;
    this.#scale = scaleOf(options.pollDelayMs, options.model);
  }

  firstPollDelayMs(kind: string): number {
    if (!this.#coming) return this.#options.polling.firstPollDelayMs(kind);
    return (this.#options.model.generationMs(secondsOf(kind)).max + GRACE_MS) * this.#scale;
  }

  /** @param sinceHintMs since the first callback of the attempt, in milliseconds; `undefined` before it */
  nextPollDelayMs(ageMs: number, kind: string, sinceHintMs?: number): number {
    const soon = sinceHintMs === undefined ? undefined : nextAfterHint(sinceHintMs);
    if (soon !== undefined) return soon;
    if (!this.#coming) return this.#options.polling.nextPollDelayMs(ageMs, kind);
    const first = this.firstPollDelayMs(kind);
    const every = EVERY_MS * this.#scale;
    return ageMs < first ? first - ageMs : every - ((ageMs - first) % every);
  }

  /** Records that a poll found the end of a task with a callback URL. */
  recordEnd(byCallback: boolean): void {
    this.#ends.push(byCallback);
    if (this.#ends.length > ENDS) this.#ends.shift();
    const missing = this.#ends.filter((came) => !came).length;
    const coming = this.#coming ? missing <= LOST : missing <= BACK && this.#ends.length === ENDS;
    if (coming === this.#coming) return;
    this.#coming = coming;
    this.#options.onChange(coming);
  }
}

/** Returns the longest wait for the first fallback poll of any task, in milliseconds. */
export function longestFallbackMs(
  { pollDelayMs }: { pollDelayMs: number },
  model: Pick<Model, 'longestMs' | 'pollDelayMs'>,
): number {
  return (model.longestMs + GRACE_MS) * scaleOf(pollDelayMs, model);
}

function scaleOf(pollDelayMs: number, model: Pick<Model, 'pollDelayMs'>): number {
  return pollDelayMs > 0 ? pollDelayMs / model.pollDelayMs : 1;
}

/** Returns the wait until the next of the polls that follow a hint; `undefined` after the last one. */
function nextAfterHint(sinceHintMs: number): number | undefined {
  let due = 0;
  for (const ms of AFTER_HINT_MS) {
    due += ms;
    // A poll that runs a little early counts as the planned one.
    if (sinceHintMs < due - ms / 4) return due - sinceHintMs;
  }
  return undefined;
}
