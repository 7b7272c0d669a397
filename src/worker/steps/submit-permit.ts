import { stopwatch, type Clock } from '../../core/clock.ts';
import { newTry, type Attempt, type Attempts, type BeginReply } from '../../ledger/attempts.ts';
import { waitForToken } from './request-token.ts';

/**
 * How old a permit may be when the POST leaves, in milliseconds. The job of a process that gives no sign of
 * life for 10 s runs again on another one: it finds the permit granted, cannot know whether it was used, and
 * declares the attempt ambiguous.
 */
const PERMIT_LIFETIME_MS = 5_000;

/** The permit to post one attempt, of one try: a slot, a request token and the record `submitting` at once. */
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

  /**
   * Requests the permit until the reply is not to wait for a request token. A token that was waited for is
   * used by the next request.
   * @throws the signal's reason
   */
  async acquire(tokenLifetimeMs: number, signal: AbortSignal): Promise<Exclude<BeginReply, { kind: 'wait' }>> {
    let holding = false;
    for (;;) {
      signal.throwIfAborted();
      const reply = await this.#begin(holding);
      if (reply.kind !== 'wait') return reply;
      holding = await waitForToken(this.#clock, reply.ms, tokenLifetimeMs, signal);
    }
  }

  /**
   * Returns whether the permit is still valid; call it right before the POST. A late reply of Redis, or a
   * process that was suspended, may have made it too old: then it is requested once more, as the same try.
   */
  async isValid(): Promise<boolean> {
    while (this.#age() > PERMIT_LIFETIME_MS) {
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
