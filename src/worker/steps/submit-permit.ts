import { stopwatch, type Clock } from '../../core/clock.ts';
import { newTry, type Attempt, type Attempts } from '../../ledger/attempts.ts';
import type { BeginReply } from '../../ledger/attempt-replies.ts';
import { type RequestBucket, waitForToken } from '../../ledger/request-token.ts';
import type { DurableConnection } from '../../redis/durability/durable-connection.ts';

/**
 * Maximum age of a permit when the POST is sent, in milliseconds. If a process does not renew its job's lock for
 * 10 s, the job runs again in another process, which finds the permit granted, cannot determine whether it was used,
 * and records the attempt as ambiguous.
 */
const PERMIT_LIFETIME_MS = 5_000;

/**
 * Maximum number of request tokens per permit. On a machine too slow for its burst of submissions every token
 * expires: without this limit, items would use tokens and return to the queue forever.
 */
const MAX_TOKENS = 4;

/** The dependencies of a permit: the ledger, the token bucket, and the connection on which its record is acknowledged. */
export interface PermitDeps {
  requests: Pick<RequestBucket, 'reserve'>;
  attempts: Pick<Attempts, 'begin'>;
  connection: Pick<DurableConnection, 'epoch' | 'ready' | 'acknowledged'>;
  clock: Clock;
}

/** The permit of one try to post an attempt: a slot, a request token and the record `submitting`. */
export class SubmitPermit {
  readonly #deps: PermitDeps;
  readonly #tryId = newTry();
  /** The attempt, with the id of the try that holds the permit. */
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
   * Requests the permit. If no request token is available, waits for the reserved one and requests the permit with it.
   * Requests nothing while records are not acknowledged.
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
   * Checks that the permit is still valid. Call it immediately before the POST.
   *
   * A late reply of Redis or a suspended process may have aged the permit: then the same try requests it again. Its
   * record must be acknowledged by a replica or the disk, because a new master without the record would give the
   * permit to another process. A token older than the bucket's margin for jitter is replaced: its request would be
   * sent in addition to those of newer tokens.
   * @returns `lost` if the ledger does not grant it again; `unacknowledged` if the record is not acknowledged within 2 s;
   * `late` if no token is available in time
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

  /** @returns false if the wait for the next token is too long, or the permit has used too many */
  async #renewToken(lifetimeMs: number, signal: AbortSignal): Promise<boolean> {
    if ((this.#tokens += 1) > MAX_TOKENS) return false;
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
