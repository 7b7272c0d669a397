import type { App } from '../../app.ts';
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
  const file = new OutcomeFile(folder, config.prefix, log);
  const journal = new OutcomeJournal({ verbs: attempts, connection, file, log });
  return {
    attempts: {
      begin: (...args) => attempts.begin(...args),
      accepted: (...args) => journal.accepted(...args),
      notAccepted: (...args) => journal.notAccepted(...args),
      rejected: (...args) => journal.rejected(...args),
      ambiguous: (...args) => journal.ambiguous(...args),
      resubmit: (...args) => journal.resubmit(...args),
    },
    connection,
    journal,
    async close(ms) {
      await journal.close(ms);
      connection.close();
    },
  };
}
