import { secondsOf, type Model } from '../../apixo/model.ts';
import type { CallbackLoss } from './callback-loss.ts';
import { timeScale, type Durations } from './durations.ts';
import { untilExpectedIdle } from './hazard.ts';
import type { PollPlan } from './plan.ts';

export interface CallbackPlanOptions {
  /** CLIPMILL_POLL_DELAY. Its ratio to the documented delay scales all times, for an API that is faster. */
  pollDelayMs: number;
  model: Pick<Model, 'generationMs' | 'pollDelayMs'>;
  durations: Durations;
  loss: CallbackLoss;
  /** The plan of CLIPMILL_POLLING, used while callbacks do not arrive. */
  polling: PollPlan;
}

/** Time from the longest documented duration to the first fallback poll of every task, in milliseconds. */
const GRACE_MS = 2_000;
/** Interval of the fallback polls, in milliseconds. */
const FALLBACK_INTERVAL_MS = 30_000;
/** Expected time that the slot of a task is idle before it is polled, in milliseconds. */
const MAX_IDLE_MS = 500;
/** Minimum time between two polls of a task, in milliseconds. */
const MIN_GAP_MS = 1_000;
/** Maximum age of the observed durations, in milliseconds. */
const REFRESH_MS = 5_000;
/** Delays of the polls after a callback whose task has not ended according to the API, in milliseconds. */
const AFTER_HINT_MS = [1_000, 2_000, 5_000];

/**
 * Plans the polls of tasks that have a callback URL: one when the callback arrives, and late and sparse fallback polls.
 * The slot of a task whose callback is lost is idle until its next poll, so the fallback has additional polls as
 * callbacks are lost. While callbacks do not arrive, tasks are polled by CLIPMILL_POLLING.
 * docs/decisions/012-lost-callbacks.md derives their times.
 */
export class CallbackPlan implements PollPlan {
  readonly #options: CallbackPlanOptions;
  readonly #scale: number;

  constructor(options: CallbackPlanOptions) {
    this.#options = options;
    this.#scale = timeScale(options.pollDelayMs, options.model);
  }

  firstPollDelayMs(kind: string): number {
    if (!this.#options.loss.arriving) return this.#options.polling.firstPollDelayMs(kind);
    return Math.min(this.#fallbackMs(kind), this.#gapMs(0, kind));
  }

  /** @param sinceHintMs time since the first callback of the attempt, in milliseconds; `undefined` before it */
  nextPollDelayMs(ageMs: number, kind: string, sinceHintMs?: number): number {
    const afterHint = sinceHintMs === undefined ? undefined : nextAfterHint(sinceHintMs);
    if (afterHint !== undefined) return afterHint;
    if (!this.#options.loss.arriving) return this.#options.polling.nextPollDelayMs(ageMs, kind);
    const first = this.#fallbackMs(kind);
    const every = FALLBACK_INTERVAL_MS * this.#scale;
    const fallback = ageMs < first ? first - ageMs : every - ((ageMs - first) % every);
    return Math.min(fallback, this.#gapMs(ageMs, kind));
  }

  #fallbackMs(kind: string): number {
    return (this.#options.model.generationMs(secondsOf(kind)).max + GRACE_MS) * this.#scale;
  }

  /** Returns the delay of the next additional poll, in milliseconds; infinity if there is none. */
  #gapMs(ageMs: number, kind: string): number {
    const { durations, loss } = this.#options;
    const hazard = durations.hazard(kind);
    if (!hazard || loss.rate === 0) return Infinity;
    durations.refresh(REFRESH_MS * this.#scale);
    const dueMs = untilExpectedIdle(hazard, loss.rate, MAX_IDLE_MS * this.#scale, ageMs);
    return Math.max(MIN_GAP_MS * this.#scale, dueMs);
  }
}

/** Returns the maximum delay of the first fallback poll of any task, in milliseconds. */
export function longestFallbackMs(
  { pollDelayMs }: { pollDelayMs: number },
  model: Pick<Model, 'longestMs' | 'pollDelayMs'>,
): number {
  return (model.longestMs + GRACE_MS) * timeScale(pollDelayMs, model);
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
