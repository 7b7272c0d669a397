import { replaySubmissions } from '../../adoption/replay-submissions.ts';
import { SubmissionLog } from '../../adoption/submission-log.ts';
import type { App } from '../../app.ts';
import { describeError } from '../../core/errors.ts';
import { createAttempts, type Attempts } from '../../ledger/attempts.ts';
import { scriptRunner } from '../../ledger/scripts.ts';
import { duplicateRedis } from '../../redis/connect.ts';
import { DurableConnection } from '../../redis/durability/durable-connection.ts';
import { requirePossible } from '../../redis/durability/acknowledgement-policy.ts';
import { readRedisFacts } from '../../redis/facts.ts';
import { OutcomeFile, OUTCOMES_FOLDER, replayOutcomes } from './outcome-file.ts';
import { OutcomeJournal } from './outcome-journal.ts';

/** The records that make a POST safe, on a connection whose writes a second witness acknowledges. */
export interface SubmissionRecords {
  attempts: Pick<Attempts, 'begin' | 'accepted' | 'notAccepted' | 'rejected' | 'ambiguous' | 'resubmit'>;
  connection: DurableConnection;
  journal: OutcomeJournal;
  /** Logs each submission before it is sent. */
  submissions: SubmissionLog;
  /** Waits up to `ms` milliseconds until all outcomes are recorded, then writes the remaining ones to the file. */
  close(ms: number): Promise<void>;
}

/**
 * Opens the records, after those of earlier processes are replayed.
 * @throws UserError if this Redis does not support CLIPMILL_DURABILITY
 */
export async function openRecords(app: App, folder = OUTCOMES_FOLDER): Promise<SubmissionRecords> {
  const { config, keys, queues, log } = app;
  requirePossible(config.durability, await readRedisFacts(app.redis));
  const redis = duplicateRedis(app.redis);
  const connection = new DurableConnection({ redis, setting: config.durability, log });
  const run = scriptRunner(redis, keys.prefix);
  const attempts = createAttempts({ redis, keys, run, onDispatched: (given) => queues.submit(given) });
  await replayOutcomes(folder, config.prefix, attempts, log);
  await replaySubmissions(app);
  const submissions = new SubmissionLog(app, log);
  const file = new OutcomeFile(folder, config.prefix, log);
  const replay = new BatchReplay(app);
  const journal = new OutcomeJournal({
    ledger: attempts,
    connection,
    file,
    log,
    onUnrecordedTask: (batch) => replay.request(batch),
  });
  return {
    attempts: {
      begin: (...args) => attempts.begin(...args),
      accepted: (attempt, task) => {
        submissions.accepted(attempt, task);
        return journal.accepted(attempt, task);
      },
      notAccepted: (attempt, ...args) => {
        submissions.refused(attempt);
        return journal.notAccepted(attempt, ...args);
      },
      rejected: (attempt, cause) => {
        submissions.refused(attempt);
        return journal.rejected(attempt, cause);
      },
      ambiguous: (attempt, ...args) => {
        submissions.ambiguous(attempt);
        return journal.ambiguous(attempt, ...args);
      },
      resubmit: (attempt, ...args) => {
        submissions.ambiguous(attempt);
        return journal.resubmit(attempt, ...args);
      },
    },
    connection,
    journal,
    submissions,
    async close(ms) {
      await journal.close(ms);
      submissions.close();
      connection.close();
    },
  };
}

/** Replays the submission log for batches that Redis has lost. Requests during a replay share the next one. */
class BatchReplay {
  readonly #app: App;
  readonly #batches = new Set<string>();
  #running = false;

  constructor(app: App) {
    this.#app = app;
  }

  request(batch: string): void {
    this.#batches.add(batch);
    if (!this.#running) void this.#run();
  }

  async #run(): Promise<void> {
    this.#running = true;
    try {
      while (this.#batches.size > 0) {
        const batches = [...this.#batches];
        this.#batches.clear();
        await replaySubmissions(this.#app, batches);
      }
    } catch (error) {
      // The next start of a worker replays the log, and so does the next submission from this folder.
      this.#app.log.warn({ reason: describeError(error) }, 'could not replay the submission log');
    } finally {
      this.#running = false;
    }
  }
}
