import { setTimeout as sleep } from 'node:timers/promises';
import { describeError } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import type { RedisClient } from '../connect.ts';
import { NotMasterError } from './replica-view.ts';
import { AcknowledgementPolicy, type DurabilitySetting } from './policy.ts';

/** How long replicas or the disk may take to acknowledge, in milliseconds. */
const ACKNOWLEDGE_MS = 2_000;
/** The server answers WAIT by then at the latest; a frozen one does not. */
const GIVE_UP_MS = ACKNOWLEDGE_MS + 1_000;
/** Time between two probes while nothing is acknowledged, in milliseconds. */
const PROBE_MS = 500;

/** A promise and what resolves it. */
class Gate {
  open: () => void = () => {};
  readonly opened = new Promise<void>((resolve) => {
    this.open = resolve;
  });
}

export interface DurableOptions {
  /** A connection for this alone: WAIT blocks every command behind it. */
  redis: RedisClient;
  setting: DurabilitySetting;
  log: Logger;
}

/**
 * A connection whose writes can be acknowledged by a second witness: replicas, or the append-only file on disk.
 * WAIT and WAITAOF cover what was written before on the same connection, so the ledger's records of submissions
 * go through this one. All that wait in the same turn of the event loop share one round trip.
 *
 *   closed: records are acknowledged, submissions proceed
 *   open: the last one was not; submissions wait, and a probe runs every half second
 */
export class DurableConnection {
  readonly redis: RedisClient;
  readonly #policy: AcknowledgementPolicy;
  readonly #log: Logger;
  readonly #stopped = new AbortController();
  #epoch = 0;
  /** Rounds under way, which end when the connection is lost. */
  readonly #rounds = new Set<Gate>();
  #group: Promise<boolean> | undefined;
  #round: Promise<unknown> = Promise.resolve();
  #open: Gate | undefined;

  constructor({ redis, setting, log }: DurableOptions) {
    this.redis = redis;
    this.#log = log;
    this.#policy = new AcknowledgementPolicy(redis, setting, log);
    redis.on('close', () => {
      this.#epoch += 1;
      this.#policy.forget();
      for (const round of this.#rounds) round.open();
    });
  }

  /** Number of the connection. A write of an earlier one may have gone to a server that is replaced. */
  get epoch(): number {
    return this.#epoch;
  }

  /**
   * Waits until all that was written here has a second witness.
   * @param epoch of the connection when the record was written
   * @returns false when nothing acknowledged it in time: it may be forgotten
   */
  async acknowledged(epoch: number): Promise<boolean> {
    if (epoch !== this.#epoch) return false;
    this.#group ??= this.#startGroup();
    return (await this.#group) && epoch === this.#epoch;
  }

  /** Resolves as soon as records are acknowledged; at once while they are. @throws the signal's reason */
  async ready(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (!this.#open) return;
    const aborted = new Gate();
    const onAbort = () => aborted.open();
    signal.addEventListener('abort', onAbort, { once: true });
    await Promise.race([this.#open.opened, aborted.opened]);
    signal.removeEventListener('abort', onAbort);
    signal.throwIfAborted();
  }

  close(): void {
    this.#stopped.abort();
    this.redis.disconnect();
  }

  /** Everything that asks until the round begins is part of it; it begins when the one before has ended. */
  #startGroup(): Promise<boolean> {
    const before = this.#round;
    const group = (async () => {
      await Promise.all([new Promise((resolve) => setImmediate(resolve)), before]);
      this.#group = undefined;
      return await this.#acknowledge();
    })();
    this.#round = group;
    return group;
  }

  async #acknowledge(): Promise<boolean> {
    const acknowledged = await this.#ask();
    if (!acknowledged && !this.#open && !this.#stopped.signal.aborted) {
      this.#open = new Gate();
      void this.#probe();
    }
    return acknowledged;
  }

  async #ask(): Promise<boolean> {
    // A gate of each round's own: a promise that lives as long as the connection keeps all that ever waited for it.
    const gaveUp = new Gate();
    const timer = setTimeout(gaveUp.open, GIVE_UP_MS).unref();
    this.#rounds.add(gaveUp);
    try {
      return await Promise.race([this.#policy.acknowledge(ACKNOWLEDGE_MS), gaveUp.opened.then(() => false)]);
    } catch (error) {
      this.#log.debug({ reason: describeError(error) }, 'records could not be acknowledged');
      if (error instanceof NotMasterError && this.redis.status === 'ready') this.redis.disconnect(true);
      return false;
    } finally {
      clearTimeout(timer);
      this.#rounds.delete(gaveUp);
    }
  }

  async #probe(): Promise<void> {
    this.#log.warn(
      { needs: this.#policy.needs() },
      'records are not acknowledged: nothing is submitted until they are',
    );
    const { signal } = this.#stopped;
    do {
      await sleep(PROBE_MS, undefined, { signal, ref: false }).catch(() => {});
    } while (!signal.aborted && !(await this.#ask()));
    if (!signal.aborted) this.#log.info({ by: this.#policy.needs() }, 'records are acknowledged again');
    this.#open?.open();
    this.#open = undefined;
  }
}
