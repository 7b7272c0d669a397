import { setMaxListeners } from 'node:events';
import type { Clock } from '../../core/clock.ts';
import { describeError, UserError } from '../../core/errors.ts';
import { withTimeout } from '../../core/timeouts.ts';
import type { Logger } from '../../core/log.ts';
import type { Conditions } from '../../ledger/conditions.ts';
import type { Storage, StorageError } from '../../storage/storage.ts';

export interface StorageBreakerDeps {
  storage: Pick<Storage, 'check'>;
  /** Where people read why nothing is stored. */
  conditions: Pick<Conditions, 'raise' | 'clear'>;
  clock: Clock;
  log: Logger;
}

/** Between two probes of a storage that is down, in milliseconds. */
const PROBE_MS = 15_000;
/** Failures in a row that open the breaker although a probe can be written: a disk that is nearly full, for one. */
const MAX_FAILURES = 3;

type Mode =
  /** Downloads pass. A failed one has a probe written: if that fails, or for the third time in a row: open. */
  | 'closed'
  /** Downloads wait, and none fails. A probe is written every 15 s: if that succeeds: half-open. */
  | 'open'
  /** One waiting download passes, as a trial; the others wait. It succeeds: closed. It fails: open. */
  | 'half-open';

/** Circuit breaker between downloads and the storage. */
export class StorageBreaker {
  readonly #deps: StorageBreakerDeps;
  /** Ends the probing. */
  readonly #ended = new AbortController();
  /** Lets one waiting download pass each. */
  readonly #waiting = new Set<() => void>();
  #mode: Mode = 'closed';
  /** In a row. */
  #failures = 0;
  /** When it opened, by the clock; for the log. */
  #openedAt = 0;
  /** The probe that failed downloads wait for together. */
  #probe: Promise<boolean> | undefined;

  constructor(deps: StorageBreakerDeps) {
    this.#deps = deps;
    setMaxListeners(0, this.#ended.signal);
  }

  /** Resolves when a download may begin. @throws the signal's reason */
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
   * @returns whether downloads wait now; else only this one failed
   * @throws the signal's reason: a probe of a storage out of reach may take longer than a drain
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

  /** Ends the probing. */
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
    this.#deps.conditions.raise('storage', `the storage accepts no clips, which wait: ${describeError(error)}`, cure);
    if (this.#mode !== 'closed') return;
    this.#mode = 'open';
    this.#openedAt = this.#deps.clock.now();
    this.#deps.log.error(
      { reason: describeError(error), ...(cure !== undefined && { cure }) },
      'the storage accepts no clips: downloads wait, nothing is lost, and they continue when it does again',
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
      // No download waits to be the trial: the probe alone decides.
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
