import { setTimeout as sleep } from 'node:timers/promises';
import { describeError } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import type { RedisClient } from '../connect.ts';
import { NotMasterError } from './replica-view.ts';
import { AcknowledgementPolicy, type DurabilitySetting } from './acknowledgement-policy.ts';

/** Timeout of an acknowledgement by replicas or the disk, in milliseconds. */
const ACKNOWLEDGE_MS = 2_000;
/** WAIT has returned by then, unless the server is frozen. */
const GIVE_UP_MS = ACKNOWLEDGE_MS + 1_000;
/** Delay between two probes while records are not acknowledged, in milliseconds. */
const PROBE_MS = 500;

/** A promise with the function that resolves it. */
class Gate {
  open: () => void = () => {};
  readonly opened = new Promise<void>((resolve) => {
    this.open = resolve;
  });
}

export interface DurableOptions {
  /** A dedicated connection: WAIT blocks every later command. */
  redis: RedisClient;
  setting: DurabilitySetting;
  log: Logger;
}

/**
 * A connection whose writes can be acknowledged by a second witness: replicas, or the append-only file on disk.
 * WAIT and WAITAOF cover earlier writes of the same connection, so the ledger writes its records of submissions on
 * this one. Callers in the same event loop iteration share one round trip. It is a circuit breaker:
 *
 *   closed: records are acknowledged, and submissions proceed
 *   open: the last record was not acknowledged; submissions wait, and a probe runs every half second
 */
export class DurableConnection {
  readonly redis: RedisClient;
  readonly #policy: AcknowledgementPolicy;
  readonly #log: Logger;
  readonly #stopped = new AbortController();
  #epoch = 0;
  /** Rounds in progress; they end when the connection is lost. */
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

  /** Number of the current connection. A write on an earlier one may have reached a server that was replaced since. */
  get epoch(): number {
    return this.#epoch;
  }

  /**
   * Waits until a second witness has acknowledged all earlier writes on this connection.
   * @param epoch of the connection when the record was written
   * @returns false when it did not do so in time: the record may be lost
   */
  async acknowledged(epoch: number): Promise<boolean> {
    if (epoch !== this.#epoch) return false;
    this.#group ??= this.#startGroup();
    return (await this.#group) && epoch === this.#epoch;
  }

  /** Waits until the breaker is closed. @throws the signal's reason */
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

  /** Starts a round after the previous one has ended; callers until then share it. */
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
    // One gate per round: a promise that lives as long as the connection would keep all its waiters in memory.
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
