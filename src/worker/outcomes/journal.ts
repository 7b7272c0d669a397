import { setTimeout as sleep } from 'node:timers/promises';
import { backoffMs } from '../../core/backoff.ts';
import { describeError } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import type { AcceptedTask, Attempt, Cause } from '../../ledger/attempts.ts';
import type { MoveReply } from '../../ledger/attempt-replies.ts';
import type { DurableConnection } from '../../redis/durability/durable-connection.ts';
import type { OutcomeFile } from './file.ts';
import { isUnplaced, type OutcomeVerbs, type PostOutcome } from './post-outcome.ts';

interface Entry extends PostOutcome {
  /** Unix ms at which the answer came. */
  at: number;
  /** Epoch of the connection that it was written on; `undefined` while it is not written. */
  epoch: number | undefined;
  /** When it was written, by a clock that is not set. */
  writtenAt: number;
  inFile: boolean;
}

/** Between two tries to record an outcome that Redis refused. */
const retryBackoff = { baseMs: 250, capMs: 10_000 };
/** Between two rounds of acknowledgement, in milliseconds. */
const ROUND_MS = 500;
/** How long a written outcome is kept even if acknowledged: `appendfsync everysec` flushes within that, in milliseconds. */
const KEPT_MS = 2_000;
/** An outcome that is not recorded for this long goes to the file as well: the process may be killed. */
const SPILL_MS = 1_000;

export interface JournalDeps {
  verbs: OutcomeVerbs;
  connection: Pick<DurableConnection, 'epoch' | 'acknowledged'>;
  file: OutcomeFile;
  log: Logger;
  /** Called when Redis does not record a task of this batch: it has no such item, or the item has another task. */
  onUnplaced?: (batch: string) => void;
}

/**
 * Keeps the outcome of every POST until Redis has recorded it and a second witness has acknowledged that: the
 * answer of the API is given once. An outcome is written again after an error reply, after an outage, and after
 * a fail-over to a server that has not seen it. An outcome that could not be recorded goes to a file that workers and
 * `clipmill recover` read.
 */
export class OutcomeJournal implements OutcomeVerbs {
  readonly #deps: JournalDeps;
  readonly #entries = new Set<Entry>();
  readonly #closed = new AbortController();
  #round: Promise<void> | undefined;
  #failing = false;
  /** Whether the file has a task that Redis has no attempt for. */
  #hasUnplaced = false;

  constructor(deps: JournalDeps) {
    this.#deps = deps;
  }

  accepted(attempt: Attempt, task: AcceptedTask): Promise<MoveReply> {
    return this.#record({ attempt, verb: 'accepted', args: [task] });
  }

  notAccepted(attempt: Attempt, refusals: number, delayMs: number, serverErrors?: number): Promise<MoveReply> {
    const args = [refusals, delayMs, ...(serverErrors === undefined ? [] : [serverErrors])];
    return this.#record({ attempt, verb: 'notAccepted', args });
  }

  rejected(attempt: Attempt, cause: Cause): Promise<MoveReply> {
    return this.#record({ attempt, verb: 'rejected', args: [cause] });
  }

  ambiguous(attempt: Attempt, cause: Cause, mayRunMs: number): Promise<MoveReply> {
    return this.#record({ attempt, verb: 'ambiguous', args: [cause, mayRunMs] });
  }

  resubmit(
    attempt: Attempt,
    cause: Cause,
    mayRunMs: number,
    next: { tasks: number; delayMs: number },
  ): Promise<MoveReply> {
    return this.#record({ attempt, verb: 'resubmit', args: [cause, mayRunMs, next] });
  }

  /** Outcomes without an acknowledged record. */
  get pending(): number {
    return this.#entries.size;
  }

  /** Waits up to `ms` milliseconds for acknowledgement; what is left then goes to the file. */
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
        'answers of the API that Redis did not record are in a file: a worker in this folder or `clipmill recover` records them',
      );
    }
  }

  async #record(outcome: PostOutcome): Promise<MoveReply> {
    const entry: Entry = { ...outcome, at: Date.now(), epoch: undefined, writtenAt: 0, inFile: false };
    this.#entries.add(entry);
    this.#round ??= this.#runRounds();
    return await this.#write(entry);
  }

  /** Writes until Redis takes it. @throws what Redis replied, once the journal is closed */
  async #write(entry: Entry): Promise<MoveReply> {
    for (let tries = 1; ; tries += 1) {
      const { epoch } = this.#deps.connection;
      try {
        const reply = await this.#call(entry);
        entry.epoch = epoch;
        entry.writtenAt = performance.now();
        if (this.#failing) this.#deps.log.info('answers of the API are recorded again');
        this.#failing = false;
        this.#keepUnplaced(entry, reply);
        return reply;
      } catch (error) {
        if (this.#closed.signal.aborted) throw error;
        const line = { ...entry.attempt, outcome: entry.verb, reason: describeError(error) };
        if (this.#failing) this.#deps.log.debug(line, 'an answer of the API is not recorded, trying again');
        else this.#deps.log.warn(line, 'Redis does not record an answer of the API: it is kept, and tried again');
        this.#failing = true;
        await sleep(backoffMs(tries, retryBackoff), undefined, { signal: this.#closed.signal }).catch(() => {});
      }
    }
  }

  #call({ verb, attempt, args }: PostOutcome): Promise<MoveReply> {
    const record = this.#deps.verbs[verb] as (attempt: Attempt, ...args: readonly unknown[]) => Promise<MoveReply>;
    return record(attempt, ...args);
  }

  async #runRounds(): Promise<void> {
    const { signal } = this.#closed;
    while (this.#entries.size > 0 && !signal.aborted) {
      await sleep(ROUND_MS, undefined, { signal, ref: false }).catch(() => {});
      if (signal.aborted) break;
      await this.#acknowledge().catch((error: unknown) => {
        this.#deps.log.debug({ reason: describeError(error) }, 'answers of the API are not acknowledged yet');
      });
      const late = Date.now() - SPILL_MS;
      this.#spill(this.#unwritten().filter(({ at }) => at < late));
    }
    if (this.#entries.size === 0 && !this.#hasUnplaced) this.#deps.file.remove();
    this.#round = undefined;
  }

  async #acknowledge(): Promise<void> {
    const { connection } = this.#deps;
    const { epoch } = connection;
    const written = [...this.#entries].filter((entry) => entry.epoch !== undefined);
    // Another connection may lead to a server that has forgotten them.
    await Promise.all(written.filter((entry) => entry.epoch !== epoch).map((entry) => this.#writeAgain(entry)));
    if (!(await connection.acknowledged(epoch))) return;
    const old = performance.now() - KEPT_MS;
    for (const entry of written) if (entry.epoch === epoch && entry.writtenAt < old) this.#entries.delete(entry);
  }

  async #writeAgain(entry: Entry): Promise<void> {
    const { epoch } = this.#deps.connection;
    const reply = await this.#call(entry);
    entry.epoch = epoch;
    entry.writtenAt = performance.now();
    if (reply.result === 'moved') {
      this.#deps.log.info({ ...entry.attempt, outcome: entry.verb }, 'recorded again: Redis had forgotten it');
    }
    this.#keepUnplaced(entry, reply);
  }

  /** The file keeps the id of a task that Redis has no attempt for: a later start records it, or `clipmill recover`. */
  #keepUnplaced(entry: Entry, reply: MoveReply): void {
    if (entry.verb === 'accepted' && reply.result === 'refused') this.#deps.onUnplaced?.(entry.attempt.batch);
    if (!isUnplaced(entry.verb, reply)) return;
    const { state } = reply;
    this.#deps.log.error({ ...entry.attempt, task: entry.args, state }, 'Redis has forgotten the item of a task');
    this.#hasUnplaced = true;
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
