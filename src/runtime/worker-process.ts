import { formatFailure } from '../errors.ts';
import type { QueueName } from '../pipeline/queues.ts';
import { tuneHeap } from './heap.ts';

/** The whole of a worker process: what goes wrong is said, and its exit code is 2. */
export async function workerMain(roles: readonly QueueName[]): Promise<void> {
  try {
    tuneHeap(roles);
    // What comes with it is most of the heap: loaded now, it is laid out as was just decided.
    const { runWorkers } = await import('./run-workers.ts');
    await runWorkers(process.env, roles, process.stderr.isTTY);
  } catch (error) {
    process.stderr.write(formatFailure(error));
    process.exitCode = 2;
  }
}
