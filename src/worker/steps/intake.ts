import type { Model } from '../../apixo/model.ts';
import { readQueueJob } from '../../jobs/queue-job.ts';
import { takenMessage, type Intake } from '../../ledger/intake.ts';
import type { NameFault } from '../../jobs/compile/header.ts';
import type { Logger } from '../../core/log.ts';
import type { Dispatcher } from '../../queue/dispatcher.ts';
import type { Queues } from '../../queue/queues.ts';
import { done, type Outcome } from '../../queue/outcome.ts';
import { InvalidJobError } from '../../queue/processor.ts';

export interface IntakeDeps {
  intake: Intake;
  dispatcher: Pick<Dispatcher, 'kick'>;
  queues: Pick<Queues, 'poll'>;
  model: Model;
  /** Names that the storage cannot take. */
  nameRules?: () => Promise<{ fault: NameFault }>;
  /** Adopts what the storage has of a batch that the ledger does not know; absent where the storage may be another's. */
  adoptFolder?: ((batch: string, signal: AbortSignal) => Promise<void>) | undefined;
  /** Whether the name of a new item is that of a file which no item has; absent where the storage may be another's. */
  isOccupied?:
    ((batch: string, job: { id: string; output: string }, signal: AbortSignal) => Promise<boolean>) | undefined;
  log: Logger;
}

/** The one kind of job that producers put into the submit queue. */
const GENERATE = 'generate';

/**
 * Takes a producer's job into the ledger, from where it goes its way like any other item. A job that
 * comes twice is one item.
 * @throws InvalidJobError when it does not fit the schema: the job ends as failed, and an event gives the reason
 */
export async function intakeStep(
  deps: IntakeDeps,
  job: { id: string; name: string; data: unknown },
  signal: AbortSignal,
): Promise<Outcome> {
  if (job.name !== GENERATE) return await refuse(deps, job.id, `a job is named "${GENERATE}"`, {});
  const rules = await deps.nameRules?.();
  const result = readQueueJob(job.data, (name) => rules?.fault(name));
  if (!result.ok) return await refuse(deps, job.id, result.message, result);
  await deps.adoptFolder?.(result.batch, signal);
  const facts = { model: deps.model.id, producer: job.id };
  if (await deps.isOccupied?.(result.batch, result.job, signal)) {
    const message = `output: "${result.job.output}" is taken by a file that neither Redis nor a manifest lists: choose another output`;
    return await refuse(deps, job.id, message, { batch: result.batch, id: result.job.id });
  }
  const { taken, poll } = await deps.intake.add(result.batch, facts, [result.job], false);
  for (const attempt of poll) await deps.queues.poll(attempt, 0);
  const [conflict] = taken;
  if (conflict) {
    return await refuse(deps, job.id, `output: ${takenMessage(conflict)}`, { batch: result.batch, id: result.job.id });
  }
  deps.dispatcher.kick();
  return done;
}

async function refuse(
  deps: IntakeDeps,
  job: string,
  message: string,
  { batch, id }: { batch?: string | undefined; id?: string | undefined },
): Promise<never> {
  await deps.intake.reject(job, message, { batch, id });
  deps.log.warn({ job, batch, item: id, reason: message }, 'job of a producer cannot be taken');
  throw new InvalidJobError(message);
}
