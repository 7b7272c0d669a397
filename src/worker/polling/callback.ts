import { type Model, secondsOf } from '../../apixo/model.ts';
import type { PollPlan } from './plan.ts';

export interface CallbackPlanOptions {
  /** CLIPMILL_POLL_DELAY. Its ratio to the documented delay scales all times, for an API that is faster. */
  pollDelayMs: number;
  model: Pick<Model, 'generationMs' | 'pollDelayMs'>;
  /** The plan of CLIPMILL_POLLING, used while callbacks do not arrive. */
  polling: PollPlan;
  /** Called when callbacks stop arriving, and when they arrive again. */
  onChange(arriving: boolean): void;
}

/**
 * Time from the longest documented duration to the first fallback poll, in milliseconds. A slot whose callback is lost
 * is idle until that poll, and few tasks are still running then: 15 s would cost 2 % of the throughput if one callback
 * in twenty is lost.
 */
const GRACE_MS = 2_000;
/** Interval of the fallback polls, in milliseconds. */
const FALLBACK_INTERVAL_MS = 30_000;
/** Delays of the polls after a callback whose task has not ended according to the API, in milliseconds. */
const AFTER_HINT_MS = [1_000, 2_000, 5_000];
/** Number of recent ends that decide whether callbacks arrive. */
const RECENT_ENDS = 50;
/** Callbacks have stopped if more recent ends than this had none. */
const MAX_MISSING = 10;
/** Callbacks arrive again if at most this many recent ends had none. */
const MAX_MISSING_TO_RETURN = 5;

/**
 * Plans the polls of tasks that have a callback URL: one when the callback arrives, and late and sparse fallback polls.
 * While callbacks do not arrive, tasks are polled by CLIPMILL_POLLING.
 */
export class CallbackPlan implements PollPlan {
  readonly #options: CallbackPlanOptions;
  readonly #scale: number;
  /** Whether a callback had arrived before each of the recent ends, oldest first. */
  readonly #ends: boolean[] = [];
  #arriving = true;

  constructor(options: CallbackPlanOptions) {
    this.#options = options;
    this.#scale = scaleOf(options.pollDelayMs, options.model);
  }

  firstPollDelayMs(kind: string): number {
    if (!this.#arriving) return this.#options.polling.firstPollDelayMs(kind);
    return (this.#options.model.generationMs(secondsOf(kind)).max + GRACE_MS) * this.#scale;
  }

  /** @param sinceHintMs time since the first callback of the attempt, in milliseconds; `undefined` before it */
  nextPollDelayMs(ageMs: number, kind: string, sinceHintMs?: number): number {
    const afterHint = sinceHintMs === undefined ? undefined : nextAfterHint(sinceHintMs);
    if (afterHint !== undefined) return afterHint;
    if (!this.#arriving) return this.#options.polling.nextPollDelayMs(ageMs, kind);
    const first = this.firstPollDelayMs(kind);
    const every = FALLBACK_INTERVAL_MS * this.#scale;
    return ageMs < first ? first - ageMs : every - ((ageMs - first) % every);
  }

  /** Records that a poll found the end of a task with a callback URL. */
  recordEnd(byCallback: boolean): void {
    this.#ends.push(byCallback);
    if (this.#ends.length > RECENT_ENDS) this.#ends.shift();
    const missing = this.#ends.filter((arrived) => !arrived).length;
    const full = this.#ends.length === RECENT_ENDS;
    const arriving = this.#arriving ? missing <= MAX_MISSING : full && missing <= MAX_MISSING_TO_RETURN;
    if (arriving === this.#arriving) return;
    this.#arriving = arriving;
    this.#options.onChange(arriving);
  }
}

/** Returns the maximum delay of the first fallback poll of any task, in milliseconds. */
export function longestFallbackMs(
  { pollDelayMs }: { pollDelayMs: number },
  model: Pick<Model, 'longestMs' | 'pollDelayMs'>,
): number {
  return (model.longestMs + GRACE_MS) * scaleOf(pollDelayMs, model);
}

function scaleOf(pollDelayMs: number, model: Pick<Model, 'pollDelayMs'>): number {
  return pollDelayMs > 0 ? pollDelayMs / model.pollDelayMs : 1;
}

/** Returns the delay of the next poll after a callback, in milliseconds; `undefined` after the last one. */
function nextAfterHint(sinceHintMs: number): number | undefined {
  let due = 0;
  for (const ms of AFTER_HINT_MS) {
    due += ms;
    // A poll that runs slightly early counts as the planned one.
    if (sinceHintMs < due - ms / 4) return due - sinceHintMs;
  }
  return undefined;
}
