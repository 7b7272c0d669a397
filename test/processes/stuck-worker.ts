/** A worker process whose windows for stuck workers are short: it ends itself within seconds. */
import { queueNames } from '../../src/queue/queues.ts';
import { openListeners } from '../../src/server/open-listeners.ts';
import { runWorkers } from '../../src/worker/process.ts';

await runWorkers(process.env, queueNames, {
  stuck: { checkMs: 1_000, replaceMs: 300, exitMs: 1_500 },
  openListeners,
});
