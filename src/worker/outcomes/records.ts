import { placeSubmissions } from '../../adoption/place-submissions.ts';
import { SubmissionLog } from '../../adoption/submission-log.ts';
import type { App } from '../../app.ts';
import { describeError } from '../../core/errors.ts';
import { createAttempts, type Attempts } from '../../ledger/attempts.ts';
import { scriptRunner } from '../../ledger/scripts.ts';
import { duplicateRedis } from '../../redis/connect.ts';
import { DurableConnection } from '../../redis/durability/durable-connection.ts';
import { requirePossible } from '../../redis/durability/policy.ts';
import { readRedisFacts } from '../../redis/facts.ts';
import { OutcomeFile, OUTCOMES_FOLDER, replayOutcomes } from './file.ts';
import { OutcomeJournal } from './journal.ts';

/** The records that make a POST safe, on a connection whose writes are acknowledged by a second witness. */
export interface SubmissionRecords {
  attempts: Pick<Attempts, 'begin' | 'accepted' | 'notAccepted' | 'rejected' | 'ambiguous' | 'resubmit'>;
  connection: DurableConnection;
  journal: OutcomeJournal;
  /** Logs each submission before it is sent. */
  submissions: SubmissionLog;
  /** @param ms for outcomes to be recorded; what is left then goes to the file */
  close(ms: number): Promise<void>;
}

/** @throws UserError when CLIPMILL_DURABILITY asks for what this Redis cannot do */
export async function openRecords(app: App, folder = OUTCOMES_FOLDER): Promise<SubmissionRecords> {
  const { config, keys, queues, log } = app;
  requirePossible(config.durability, await readRedisFacts(app.redis));
  const redis = duplicateRedis(app.redis);
  const connection = new DurableConnection({ redis, setting: config.durability, log });
  const run = scriptRunner(redis, keys.prefix);
  const attempts = createAttempts({ redis, keys, run, onDispatched: (given) => queues.submit(given) });
  await replayOutcomes(folder, config.prefix, attempts, log);
  await placeSubmissions(app);
  const submissions = new SubmissionLog(app, log);
  const file = new OutcomeFile(folder, config.prefix, log);
  const placer = new Placer(app);
  const journal = new OutcomeJournal({
    verbs: attempts,
    connection,
    file,
    log,
    onUnplaced: (batch) => placer.place(batch),
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
        submissions.unknown(attempt);
        return journal.ambiguous(attempt, ...args);
      },
      resubmit: (attempt, ...args) => {
        submissions.unknown(attempt);
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

/** Places the submissions of batches whose items Redis does not know, many at once in one pass over the log. */
class Placer {
  readonly #app: App;
  readonly #batches = new Set<string>();
  #running = false;

  constructor(app: App) {
    this.#app = app;
  }

  place(batch: string): void {
    this.#batches.add(batch);
    if (!this.#running) void this.#run();
  }

  async #run(): Promise<void> {
    this.#running = true;
    try {
      while (this.#batches.size > 0) {
        const batches = [...this.#batches];
        this.#batches.clear();
        await placeSubmissions(this.#app, batches);
      }
    } catch (error) {
      // The next start places them, and so does the next submission from this folder.
      this.#app.log.warn({ reason: describeError(error) }, 'submissions that Redis has forgotten are not placed yet');
    } finally {
      this.#running = false;
    }
  }
}
