import { replaySubmissions } from '../../adoption/replay-submissions.ts';
import type { App } from '../../app.ts';
import type { JobHandler } from '../../queue/processor.ts';
import { stepData } from '../../queue/queues.ts';
import type { MaintenanceTask } from './schedule.ts';

/**
 * Tracks the batches of this process's jobs, and reports each one that Redis loses, as by a restart without an
 * append-only file. No other log line would name the batch.
 */
export class LostBatches {
  readonly #batches = new Set<string>();
  readonly #app: Pick<App, 'config' | 'home' | 'queries' | 'orphans' | 'queues' | 'log'>;

  constructor(app: Pick<App, 'config' | 'home' | 'queries' | 'orphans' | 'queues' | 'log'>) {
    this.#app = app;
  }

  /** Wraps a handler so that it records the batch of each job. */
  watch(handler: JobHandler): JobHandler {
    return (job, context) => {
      const step = stepData.safeParse(job.data);
      if (step.success) this.#batches.add(step.data.batch);
      return handler(job, context);
    };
  }

  readonly task: MaintenanceTask = {
    name: 'lost-batches',
    periodMs: 5_000,
    scope: 'process',
    work: () => this.#check(),
  };

  async #check(): Promise<void> {
    for (const name of this.#batches) {
      const batch = await this.#app.queries.batch(name);
      // An ended batch may be purged by the retention.
      if (batch && batch.endedAt === null) continue;
      this.#batches.delete(name);
      if (batch) continue;
      this.#app.log.error(
        { batch: name },
        'Redis has lost this batch while it was in progress: submit its file again; nothing is paid for twice',
      );
      await replaySubmissions(this.#app, [name]);
    }
  }
}
