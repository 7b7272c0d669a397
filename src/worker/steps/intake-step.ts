import type { Model } from '../../apixo/model.ts';
import { readQueueJob } from '../../jobs/queue-job.ts';
import { takenMessage, type Intake } from '../../ledger/intake.ts';
import type { NameFault } from '../../jobs/compile/header.ts';
import type { Logger } from '../../core/log.ts';
import type { Dispatcher } from '../../queue/dispatcher.ts';
import type { Queues } from '../../queue/queues.ts';
import { done, type StepResult } from '../../queue/step-result.ts';
import { InvalidJobError } from '../../queue/processor.ts';

export interface IntakeDeps {
  intake: Intake;
  dispatcher: Pick<Dispatcher, 'kick'>;
  queues: Pick<Queues, 'poll'>;
  model: Model;
  /** Rejects names that the storage cannot hold. */
  nameRules?: () => Promise<{ fault: NameFault }>;
  /** Adopts a batch that the ledger lacks; absent if this process may lack access to the storage of the clips. */
  adoptBatch?: ((batch: string, signal: AbortSignal) => Promise<void>) | undefined;
  /** Returns whether a file that belongs to no item has the output name of a new item; absent as above. */
  isOccupied?:
    ((batch: string, job: { id: string; output: string }, signal: AbortSignal) => Promise<boolean>) | undefined;
  log: Logger;
}

/** Name of the jobs that producers add to the submit queue. */
const GENERATE = 'generate';

/**
 * Adds the item of a producer's job to the ledger. Idempotent: a job that is added twice is one item.
 * @throws InvalidJobError if the job is invalid: it ends as failed, and an event gives the reason
 */
export async function intakeStep(
  deps: IntakeDeps,
  job: { id: string; name: string; data: unknown },
  signal: AbortSignal,
): Promise<StepResult> {
  if (job.name !== GENERATE) return await reject(deps, job.id, `the name of a job must be "${GENERATE}"`, {});
  const rules = await deps.nameRules?.();
  const result = readQueueJob(job.data, (name) => rules?.fault(name));
  if (!result.ok) return await reject(deps, job.id, result.message, result);
  await deps.adoptBatch?.(result.batch, signal);
  const facts = { model: deps.model.id, producer: job.id };
  if (await deps.isOccupied?.(result.batch, result.job, signal)) {
    const message = `output: "${result.job.output}" is taken by a file that neither Redis nor a manifest lists: choose another output`;
    return await reject(deps, job.id, message, { batch: result.batch, id: result.job.id });
  }
  const { taken, poll } = await deps.intake.add(result.batch, facts, [result.job], false);
  for (const attempt of poll) await deps.queues.poll(attempt, 0);
  const [conflict] = taken;
  if (conflict) {
    return await reject(deps, job.id, `output: ${takenMessage(conflict)}`, { batch: result.batch, id: result.job.id });
  }
  deps.dispatcher.kick();
  return done;
}

async function reject(
  deps: IntakeDeps,
  job: string,
  message: string,
  { batch, id }: { batch?: string | undefined; id?: string | undefined },
): Promise<never> {
  await deps.intake.reject(job, message, { batch, id });
  deps.log.warn({ job, batch, item: id, reason: message }, 'rejected the job of a producer');
  throw new InvalidJobError(message);
}
