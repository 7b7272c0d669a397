import { stopwatch, type Clock } from '../../core/clock.ts';
import { newTry, type Attempt, type Attempts } from '../../ledger/attempts.ts';
import type { BeginReply } from '../../ledger/attempt-replies.ts';
import { type RequestBucket, waitForToken } from '../../ledger/request-token.ts';
import type { DurableConnection } from '../../redis/durability/durable-connection.ts';

/**
 * How old a permit may be when the POST leaves, in milliseconds. The job of a process that gives no sign of
 * life for 10 s runs again on another one: it finds the permit granted, cannot know whether it was used, and
 * declares the attempt ambiguous.
 */
const PERMIT_LIFETIME_MS = 5_000;

/**
 * Tokens that one permit may use up. On a machine that is too slow for its burst of submissions all tokens grow too
 * old: items that went back to the queue for it would take tokens, grow old and go back without end.
 */
const MOST_TOKENS = 4;

/** The dependencies of a permit: the ledger, the bucket of requests, and the second witness of its record. */
export interface PermitDeps {
  requests: Pick<RequestBucket, 'reserve'>;
  attempts: Pick<Attempts, 'begin'>;
  connection: Pick<DurableConnection, 'epoch' | 'ready' | 'acknowledged'>;
  clock: Clock;
}

/** The permit to post one attempt, of one try: a slot, a request token and the record `submitting` at once. */
export class SubmitPermit {
  readonly #deps: PermitDeps;
  readonly #tryId = newTry();
  /** The attempt, as the try that holds its permit. */
  readonly attempt: Attempt;
  #age = () => 0;
  #tokenAge = () => 0;
  #epoch = 0;
  #tokens = 1;

  constructor(deps: PermitDeps, attempt: Attempt) {
    this.#deps = deps;
    this.attempt = { ...attempt, tryId: this.#tryId };
  }

  /**
   * Requests the permit until the reply is not to wait for a request token. A token that was waited for is
   * used by the next request. While records are not acknowledged, nothing is requested.
   * @throws the signal's reason
   */
  async acquire(tokenLifetimeMs: number, signal: AbortSignal): Promise<Exclude<BeginReply, { kind: 'wait' }>> {
    let holding = false;
    for (;;) {
      await this.#deps.connection.ready(signal);
      const reply = await this.#begin(holding);
      this.#tokenAge = this.#age;
      if (reply.kind !== 'wait') return reply;
      holding = await waitForToken(this.#deps.clock, reply.ms, tokenLifetimeMs, signal);
    }
  }

  /**
   * The fence before the POST; call it right before. A late reply of Redis, or a process that was suspended, may
   * have made the permit too old: then it is requested once more, as the same try. Its record must have a second
   * witness: a server that takes over without it would give the same permit to another process.
   * A token older than the margin that the bucket has for jitter would be sent in addition to the new ones: another is
   * reserved.
   * @returns `lost`: it is another's to decide now; `unacknowledged`: no witness, within 2 s; `late`: no token in time
   * @throws the signal's reason
   */
  async confirm(tokenLifetimeMs: number, signal: AbortSignal): Promise<'valid' | 'lost' | 'unacknowledged' | 'late'> {
    let acknowledged: number | undefined;
    for (;;) {
      if (this.#age() > PERMIT_LIFETIME_MS && (await this.#begin(true)).kind !== 'go') return 'lost';
      if (acknowledged !== this.#epoch || acknowledged !== this.#deps.connection.epoch) {
        if (!(await this.#deps.connection.acknowledged(this.#epoch))) return 'unacknowledged';
        acknowledged = this.#epoch;
      }
      if (this.#tokenAge() > 2 * tokenLifetimeMs) {
        if (!(await this.#renewToken(tokenLifetimeMs, signal))) return 'late';
      } else if (this.#age() <= PERMIT_LIFETIME_MS) return 'valid';
    }
  }

  /** @returns false when the next one is far away, or too many were used up */
  async #renewToken(lifetimeMs: number, signal: AbortSignal): Promise<boolean> {
    if ((this.#tokens += 1) > MOST_TOKENS) return false;
    const age = stopwatch(this.#deps.clock);
    const waitMs = await this.#deps.requests.reserve();
    if (waitMs === undefined || waitMs > PERMIT_LIFETIME_MS) return false;
    this.#tokenAge = () => age() - waitMs;
    await waitForToken(this.#deps.clock, waitMs, lifetimeMs, signal);
    return true;
  }

  #begin(holding: boolean): Promise<BeginReply> {
    const { attempts, connection, clock } = this.#deps;
    this.#age = stopwatch(clock);
    this.#epoch = connection.epoch;
    return attempts.begin(this.attempt, this.#tryId, holding);
  }
}
