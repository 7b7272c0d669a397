import { setMaxListeners } from 'node:events';
import type { Clock } from '../../core/clock.ts';
import { describeError, UserError } from '../../core/errors.ts';
import { withTimeout } from '../../core/timeouts.ts';
import type { Logger } from '../../core/log.ts';
import type { Storage, StorageError } from '../../storage/storage.ts';

export interface StorageGateDeps {
  storage: Pick<Storage, 'check'>;
  clock: Clock;
  log: Logger;
}

/** From one trial to the next while the storage is out of order, in milliseconds. */
const TRIAL_MS = 15_000;
/** Failures in a row that shut the gate although a probe can be written: a disk that is nearly full, for one. */
const MOST_FAILURES = 3;

/**
 * Lets downloads through to the storage. When that is out of order they wait together, however many
 * items are due, instead of each of them trying in vain: one at a time goes ahead and tries.
 *
 *   open -> storage fails, and so does a probe, or it fails three times in a row -> shut
 *   shut -> a probe succeeds -> one download goes through -> it succeeds -> open
 */
export class StorageBreaker {
  readonly #deps: StorageGateDeps;
  readonly #closed = new AbortController();
  readonly #waiting = new Set<() => void>();
  #failures = 0;
  #shutAt: number | undefined;
  #probe: Promise<void> | undefined;

  constructor(deps: StorageGateDeps) {
    this.#deps = deps;
    setMaxListeners(0, this.#closed.signal);
  }

  /** Resolves when a download may begin. @throws the signal's reason */
  async enter(signal: AbortSignal): Promise<void> {
    if (this.#shutAt === undefined) return;
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

  /** A clip was stored. */
  worked(): void {
    this.#failures = 0;
    if (this.#shutAt === undefined) return;
    const outageMs = this.#deps.clock.now() - this.#shutAt;
    this.#shutAt = undefined;
    for (const pass of this.#waiting) pass();
    this.#deps.log.warn({ outageMs }, 'the storage takes clips again: downloads go on');
  }

  /**
   * @returns whether downloads wait now: else it was this one's own bad luck
   * @throws the signal's reason: a probe of a storage out of reach takes longer than a process may take to drain
   */
  async failed(trouble: StorageError, signal: AbortSignal): Promise<boolean> {
    this.#failures += 1;
    if (this.#shutAt === undefined && this.#failures >= MOST_FAILURES) this.#shut(trouble);
    if (this.#shutAt === undefined) {
      this.#probe ??= this.#check().finally(() => {
        this.#probe = undefined;
      });
      await withTimeout(this.#probe, { signal });
    }
    return this.#shutAt !== undefined;
  }

  /** Tries no more. */
  close(): void {
    this.#closed.abort(new Error('closed'));
  }

  async #check(): Promise<void> {
    try {
      await this.#deps.storage.check();
    } catch (error) {
      this.#shut(error);
    }
  }

  #shut(trouble: unknown): void {
    if (this.#shutAt !== undefined) return;
    this.#shutAt = this.#deps.clock.now();
    const { log } = this.#deps;
    const cure = trouble instanceof UserError ? trouble.cure : undefined;
    log.error(
      { reason: describeError(trouble), ...(cure !== undefined && { cure }) },
      'the storage takes no clips: downloads wait, nothing is lost, and go on by themselves when it does again',
    );
    void this.#mend();
  }

  async #mend(): Promise<void> {
    const { storage, clock } = this.#deps;
    while (this.#shutAt !== undefined) {
      await clock.sleep(TRIAL_MS, this.#closed.signal).catch(() => {});
      if (this.#closed.signal.aborted) return;
      const writable = await storage.check().then(
        () => true,
        () => false,
      );
      if (!writable || this.#shutAt === undefined) continue;
      const [first] = this.#waiting;
      if (!first) {
        this.worked();
        continue;
      }
      this.#waiting.delete(first);
      first();
    }
  }
}
