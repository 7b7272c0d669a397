import { setMaxListeners } from 'node:events';
import type { Clock } from '../../core/clock.ts';
import { describeError, UserError } from '../../core/errors.ts';
import { withTimeout } from '../../core/timeouts.ts';
import type { Logger } from '../../core/log.ts';
import type { Conditions } from '../../ledger/conditions.ts';
import type { Storage, StorageError } from '../../storage/storage.ts';

export interface StorageBreakerDeps {
  storage: Pick<Storage, 'check'>;
  /** Shows users why no clips are stored. */
  conditions: Pick<Conditions, 'raise' | 'clear'>;
  clock: Clock;
  log: Logger;
}

/** Interval of probes while the storage is down, in milliseconds. */
const PROBE_MS = 15_000;
/** Number of consecutive failures that open the breaker although probes succeed, such as on a nearly full disk. */
const MAX_FAILURES = 3;

type Mode =
  /** Downloads proceed. After a failed one a probe is written; opens if that fails, or at the third failure in a row. */
  | 'closed'
  /** Downloads wait. A probe is written every 15 s; half-open once it succeeds. */
  | 'open'
  /** One waiting download proceeds as a trial, the others wait. Closes if it succeeds, opens if it fails. */
  | 'half-open';

/** Circuit breaker between downloads and the storage. */
export class StorageBreaker {
  readonly #deps: StorageBreakerDeps;
  /** Stops the probes. */
  readonly #ended = new AbortController();
  /** Functions that each release one waiting download. */
  readonly #waiting = new Set<() => void>();
  #mode: Mode = 'closed';
  /** Number of consecutive failures. */
  #failures = 0;
  /** Unix ms at which the breaker opened, for the log. */
  #openedAt = 0;
  /** The running probe, shared by all failed downloads. */
  #probe: Promise<boolean> | undefined;

  constructor(deps: StorageBreakerDeps) {
    this.#deps = deps;
    setMaxListeners(0, this.#ended.signal);
  }

  /** Resolves when a download may start. @throws the signal's reason */
  async acquire(signal: AbortSignal): Promise<void> {
    if (this.#mode === 'closed') return;
    let pass: (() => void) | undefined;
    const passed = new Promise<void>((resolve) => {
      pass = resolve;
      this.#waiting.add(resolve);
    });
    try {
      await withTimeout(passed, { signal });
    } finally {
      if (pass) this.#waiting.delete(pass);
    }
  }

  /** Records that a clip was stored. */
  success(): void {
    this.#failures = 0;
    if (this.#mode === 'closed') return;
    this.#mode = 'closed';
    this.#deps.conditions.clear('storage');
    for (const pass of this.#waiting) pass();
    const outageMs = this.#deps.clock.now() - this.#openedAt;
    this.#deps.log.warn({ outageMs }, 'the storage accepts clips again: downloads continue');
  }

  /**
   * Records that a clip could not be stored.
   * @returns true if the breaker is open and downloads wait; false if only this download failed
   * @throws the signal's reason: a probe of an unreachable storage may take longer than a drain
   */
  async failure(cause: StorageError, signal: AbortSignal): Promise<boolean> {
    this.#failures += 1;
    if (this.#mode === 'closed' && this.#failures >= MAX_FAILURES) this.#open(cause);
    if (this.#mode === 'closed') {
      this.#probe ??= this.#check().finally(() => {
        this.#probe = undefined;
      });
      await withTimeout(this.#probe, { signal });
    } else this.#mode = 'open';
    return this.#mode !== 'closed';
  }

  /** Stops the probes. */
  close(): void {
    this.#ended.abort(new Error('closed'));
  }

  async #check(): Promise<boolean> {
    try {
      await this.#deps.storage.check();
      return true;
    } catch (error) {
      this.#open(error);
      return false;
    }
  }

  #open(error: unknown): void {
    const cure = error instanceof UserError ? error.cure : undefined;
    this.#deps.conditions.raise(
      'storage',
      `the storage accepts no clips, and downloads wait: ${describeError(error)}`,
      cure,
    );
    if (this.#mode !== 'closed') return;
    this.#mode = 'open';
    this.#openedAt = this.#deps.clock.now();
    this.#deps.log.error(
      { reason: describeError(error), ...(cure !== undefined && { cure }) },
      'the storage accepts no clips: downloads wait until it does, and no clip is lost',
    );
    void this.#probeUntilClosed();
  }

  async #probeUntilClosed(): Promise<void> {
    const { clock } = this.#deps;
    for (;;) {
      await clock.sleep(PROBE_MS, this.#ended.signal).catch(() => {});
      if (this.#ended.signal.aborted || this.#mode === 'closed') return;
      if (!(await this.#check())) continue;
      if (this.#is('closed')) return;
      const [first] = this.#waiting;
      // No download waits that could be the trial, so the probe decides.
      if (!first) return this.success();
      this.#mode = 'half-open';
      this.#waiting.delete(first);
      first();
    }
  }

  #is(mode: Mode): boolean {
    return this.#mode === mode;
  }
}
