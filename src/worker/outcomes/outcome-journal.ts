import { setTimeout as sleep } from 'node:timers/promises';
import { backoffMs } from '../../core/backoff.ts';
import { describeError } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import type { AcceptedTask, Attempt, Cause } from '../../ledger/attempts.ts';
import type { MoveReply } from '../../ledger/attempt-replies.ts';
import type { DurableConnection } from '../../redis/durability/durable-connection.ts';
import type { OutcomeFile } from './outcome-file.ts';
import { isOrphan, recordOutcome, type OutcomeRecorder, type SubmissionOutcome } from './submission-outcome.ts';

interface Entry extends SubmissionOutcome {
  /** Unix ms at which the outcome was known. */
  at: number;
  /** Epoch of the connection on which it was written; `undefined` until then. */
  epoch: number | undefined;
  /** Time of the write, in milliseconds of the monotonic clock. */
  writtenAt: number;
  /** Whether the file contains it. */
  inFile: boolean;
}

/** Backoff of writes that fail. */
const retryBackoff = { baseMs: 250, capMs: 10_000 };
/** Interval of acknowledgements, in milliseconds. */
const ROUND_MS = 500;
/** Minimum time for which a written outcome is kept, in milliseconds: `appendfsync everysec` flushes within it. */
const MIN_KEPT_MS = 2_000;
/** Age of an unwritten outcome, in milliseconds, at which it is also written to the file: the process may be killed. */
const SPILL_MS = 1_000;

export interface JournalDeps {
  ledger: OutcomeRecorder;
  connection: Pick<DurableConnection, 'epoch' | 'acknowledged'>;
  file: OutcomeFile;
  log: Logger;
  /** Called if Redis does not record a task of this batch, because its item is missing or has another task. */
  onUnrecordedTask?: (batch: string) => void;
}

/**
 * Records the outcome of each submission in the ledger, and keeps it until a second witness has acknowledged the record,
 * because the API answers a POST only once. Writes an outcome again after an error reply, an outage, and a fail-over to a
 * server that lacks the record. Outcomes that are not recorded in time are also written to a file, which workers and
 * `clipmill recover` read.
 */
export class OutcomeJournal implements OutcomeRecorder {
  readonly #deps: JournalDeps;
  readonly #entries = new Set<Entry>();
  readonly #closed = new AbortController();
  #round: Promise<void> | undefined;
  #failing = false;
  /** Whether the file contains orphans. */
  #hasOrphans = false;

  constructor(deps: JournalDeps) {
    this.#deps = deps;
  }

  accepted(attempt: Attempt, task: AcceptedTask): Promise<MoveReply> {
    return this.#record({ attempt, method: 'accepted', args: [task] });
  }

  notAccepted(attempt: Attempt, refusals: number, delayMs: number, serverErrors?: number): Promise<MoveReply> {
    const args = [refusals, delayMs, ...(serverErrors === undefined ? [] : [serverErrors])];
    return this.#record({ attempt, method: 'notAccepted', args });
  }

  rejected(attempt: Attempt, cause: Cause): Promise<MoveReply> {
    return this.#record({ attempt, method: 'rejected', args: [cause] });
  }

  ambiguous(attempt: Attempt, cause: Cause, mayRunMs: number): Promise<MoveReply> {
    return this.#record({ attempt, method: 'ambiguous', args: [cause, mayRunMs] });
  }

  resubmit(
    attempt: Attempt,
    cause: Cause,
    mayRunMs: number,
    next: { tasks: number; delayMs: number },
  ): Promise<MoveReply> {
    return this.#record({ attempt, method: 'resubmit', args: [cause, mayRunMs, next] });
  }

  /** Returns the number of outcomes without an acknowledged record. */
  get pending(): number {
    return this.#entries.size;
  }

  /** Waits up to `ms` milliseconds for writes and their acknowledgement, then writes the remaining outcomes to the file. */
  async close(ms: number): Promise<void> {
    const deadline = performance.now() + ms;
    while (this.#unwritten().length > 0 && performance.now() < deadline) await sleep(20);
    this.#closed.abort();
    await Promise.race([this.#round, sleep(Math.max(0, deadline - performance.now()), undefined, { ref: false })]);
    if (this.#entries.size > 0 && performance.now() < deadline) await this.#acknowledge().catch(() => {});
    this.#spill(this.#unwritten());
    if (this.#unwritten().length > 0) {
      this.#deps.log.error(
        { outcomes: this.#unwritten().length, file: this.#deps.file.path },
        'wrote outcomes of submissions to a file, because Redis did not record them: a worker in this folder or `clipmill recover` records them',
      );
    }
  }

  async #record(outcome: SubmissionOutcome): Promise<MoveReply> {
    const entry: Entry = { ...outcome, at: Date.now(), epoch: undefined, writtenAt: 0, inFile: false };
    this.#entries.add(entry);
    this.#round ??= this.#runRounds();
    return await this.#write(entry);
  }

  /** Writes an outcome until Redis accepts the write. @throws the last error once the journal is closed */
  async #write(entry: Entry): Promise<MoveReply> {
    for (let tries = 1; ; tries += 1) {
      const { epoch } = this.#deps.connection;
      try {
        const reply = await recordOutcome(this.#deps.ledger, entry);
        entry.epoch = epoch;
        entry.writtenAt = performance.now();
        if (this.#failing) this.#deps.log.info('outcomes of submissions are recorded again');
        this.#failing = false;
        this.#spillOrphan(entry, reply);
        return reply;
      } catch (error) {
        if (this.#closed.signal.aborted) throw error;
        const line = { ...entry.attempt, outcome: entry.method, reason: describeError(error) };
        if (this.#failing) this.#deps.log.debug(line, 'could not record the outcome of a submission, trying again');
        else
          this.#deps.log.warn(line, 'Redis does not record the outcome of a submission: keeping it and trying again');
        this.#failing = true;
        await sleep(backoffMs(tries, retryBackoff), undefined, { signal: this.#closed.signal }).catch(() => {});
      }
    }
  }

  async #runRounds(): Promise<void> {
    const { signal } = this.#closed;
    while (this.#entries.size > 0 && !signal.aborted) {
      await sleep(ROUND_MS, undefined, { signal, ref: false }).catch(() => {});
      if (signal.aborted) break;
      await this.#acknowledge().catch((error: unknown) => {
        this.#deps.log.debug({ reason: describeError(error) }, 'outcomes of submissions are not acknowledged yet');
      });
      const late = Date.now() - SPILL_MS;
      this.#spill(this.#unwritten().filter(({ at }) => at < late));
    }
    if (this.#entries.size === 0 && !this.#hasOrphans) this.#deps.file.remove();
    this.#round = undefined;
  }

  async #acknowledge(): Promise<void> {
    const { connection } = this.#deps;
    const { epoch } = connection;
    const written = [...this.#entries].filter((entry) => entry.epoch !== undefined);
    // After a reconnection, the server may lack these records.
    await Promise.all(written.filter((entry) => entry.epoch !== epoch).map((entry) => this.#writeAgain(entry)));
    if (!(await connection.acknowledged(epoch))) return;
    const old = performance.now() - MIN_KEPT_MS;
    for (const entry of written) if (entry.epoch === epoch && entry.writtenAt < old) this.#entries.delete(entry);
  }

  async #writeAgain(entry: Entry): Promise<void> {
    const { epoch } = this.#deps.connection;
    const reply = await recordOutcome(this.#deps.ledger, entry);
    entry.epoch = epoch;
    entry.writtenAt = performance.now();
    if (reply.result === 'moved') {
      this.#deps.log.info(
        { ...entry.attempt, outcome: entry.method },
        'Redis had lost the outcome of a submission: recorded it again',
      );
    }
    this.#spillOrphan(entry, reply);
  }

  /** Moves an orphan to the file, for a later start or `clipmill recover`. */
  #spillOrphan(entry: Entry, reply: MoveReply): void {
    if (entry.method === 'accepted' && reply.result === 'refused') this.#deps.onUnrecordedTask?.(entry.attempt.batch);
    if (!isOrphan(entry.method, reply)) return;
    const { state } = reply;
    this.#deps.log.error(
      { ...entry.attempt, task: entry.args, state },
      'Redis has lost the item of a task that was paid for',
    );
    this.#hasOrphans = true;
    this.#spill([entry]);
    this.#entries.delete(entry);
  }

  #unwritten(): Entry[] {
    return [...this.#entries].filter(({ epoch }) => epoch === undefined);
  }

  #spill(entries: readonly Entry[]): void {
    const fresh = entries.filter(({ inFile }) => !inFile);
    for (const entry of fresh) entry.inFile = true;
    if (fresh.length > 0) this.#deps.file.append(fresh);
  }
}
