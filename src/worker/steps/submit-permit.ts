import { stopwatch, type Clock } from '../../core/clock.ts';
import { newTry, type Attempt, type Attempts, type BeginReply } from '../../ledger/attempts.ts';
import { waitForToken } from './request-token.ts';

/**
 * How old leave to post may be, in milliseconds. The job of a process that is silent for 10 s runs again
 * on another one, which finds that leave was given, cannot know whether it was used, and gives the attempt up.
 */
const LEAVE_LASTS_MS = 5_000;

/** SubmitPermit to post one attempt, of a try of its own. */
export class SubmitPermit {
  readonly #attempts: Pick<Attempts, 'begin'>;
  readonly #attempt: Attempt;
  readonly #clock: Clock;
  readonly #tryId = newTry();
  #age = () => 0;

  constructor(attempts: Pick<Attempts, 'begin'>, attempt: Attempt, clock: Clock) {
    this.#attempts = attempts;
    this.#attempt = attempt;
    this.#clock = clock;
  }

  /** Asks until the answer is not to wait for a request token; a token that was waited for is used by the next question. */
  async ask(tokenLifetimeMs: number, draining: AbortSignal): Promise<Exclude<BeginReply, { kind: 'wait' }>> {
    let holding = false;
    for (;;) {
      draining.throwIfAborted();
      const reply = await this.#begin(holding);
      if (reply.kind !== 'wait') return reply;
      holding = await waitForToken(this.#clock, reply.ms, tokenLifetimeMs, draining);
    }
  }

  /**
   * To be asked right before the POST: whether the leave that was given still holds. A reply of Redis that
   * came late, or a process that was suspended, may have made it older than anybody waits for.
   */
  async stillHolds(): Promise<boolean> {
    while (this.#age() > LEAVE_LASTS_MS) {
      const { kind } = await this.#begin(true);
      if (kind !== 'go') return false;
    }
    return true;
  }

  #begin(holding: boolean): Promise<BeginReply> {
    this.#age = stopwatch(this.#clock);
    return this.#attempts.begin(this.#attempt, this.#tryId, holding);
  }
}
