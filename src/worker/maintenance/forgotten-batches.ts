import { placeSubmissions } from '../../adoption/place-submissions.ts';
import type { App } from '../../app.ts';
import type { JobHandler } from '../../queue/processor.ts';
import { stepData } from '../../queue/queues.ts';
import type { MaintenanceTask } from './schedule.ts';

/**
 * Remembers the batches that this process works on, and reports once each that Redis has forgotten meanwhile, as
 * after a restart without an append-only file: nothing else would name it.
 */
export class ForgottenBatches {
  readonly #batches = new Set<string>();
  readonly #app: Pick<App, 'config' | 'home' | 'queries' | 'orphans' | 'queues' | 'log'>;

  constructor(app: Pick<App, 'config' | 'home' | 'queries' | 'orphans' | 'queues' | 'log'>) {
    this.#app = app;
  }

  /** Notes the batch of each job before its handler runs. */
  watch(handler: JobHandler): JobHandler {
    return (job, context) => {
      const step = stepData.safeParse(job.data);
      if (step.success) this.#batches.add(step.data.batch);
      return handler(job, context);
    };
  }

  readonly task: MaintenanceTask = {
    name: 'forgotten-batches',
    periodMs: 5_000,
    scope: 'process',
    work: () => this.#check(),
  };

  async #check(): Promise<void> {
    for (const name of this.#batches) {
      const batch = await this.#app.queries.batch(name);
      // One that ended may be purged by right.
      if (batch && batch.endedAt === null) continue;
      this.#batches.delete(name);
      if (batch) continue;
      this.#app.log.error(
        { batch: name },
        'Redis has forgotten this batch while it was worked on: submit its file again; what was paid for is not paid for again',
      );
      await placeSubmissions(this.#app, [name]);
    }
  }
}
