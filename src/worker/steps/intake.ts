import type { Model } from '../../apixo/model.ts';
import { readQueueJob } from '../../jobs/queue-job.ts';
import type { Intake } from '../../ledger/intake.ts';
import type { Logger } from '../../core/log.ts';
import type { Dispatcher } from '../../queue/dispatcher.ts';
import { done, type Outcome } from '../../queue/outcome.ts';
import { InvalidJobError } from '../../queue/processor.ts';

export interface IntakeDeps {
  intake: Intake;
  dispatcher: Pick<Dispatcher, 'kick'>;
  model: Model;
  log: Logger;
}

/** The one kind of job that producers put into the submit queue. */
const GENERATE = 'generate';

/**
 * Takes a producer's job into the ledger, from where it goes its way like any other item. A job that
 * comes twice is one item.
 * @throws InvalidJobError when it is not as the schema says: the job ends as failed, and an event tells why
 */
export async function intakeStep(deps: IntakeDeps, job: { id: string; name: string; data: unknown }): Promise<Outcome> {
  const result =
    job.name === GENERATE ? readQueueJob(job.data) : { ok: false as const, message: `a job is named "${GENERATE}"` };
  if (!result.ok) return await refuse(deps, job.id, result.message);
  const { taken } = await deps.intake.add(result.batch, { model: deps.model.id }, [result.job], false);
  const [conflict] = taken;
  if (conflict) return await refuse(deps, job.id, `output: "${conflict.output}" belongs to ${conflict.owner} already`);
  deps.dispatcher.kick();
  return done;
}

async function refuse(deps: IntakeDeps, job: string, message: string): Promise<never> {
  await deps.intake.reject(job, message);
  deps.log.warn({ job, reason: message }, 'job of a producer cannot be taken');
  throw new InvalidJobError(message);
}
