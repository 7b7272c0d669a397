import { Queue } from 'bullmq';
import type { App } from '../../src/app.ts';
import { bullmqOptions } from '../../src/queue/bullmq.ts';
import type { QueueName } from '../../src/queue/queues.ts';

/** BullMQ's own queue, which only tests may read. */
export function engineOf(app: App, name: QueueName): Queue {
  const queue = new Queue(name, bullmqOptions(app));
  queue.on('error', () => {});
  return queue;
}
