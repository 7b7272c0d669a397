import type { App } from '../app.ts';
import { readSubmissions, removeOldSubmissions } from './submission-log.ts';

/**
 * Gives the submissions that processes of this working folder have logged to their items, and keeps those whose items
 * Redis has forgotten until they are added again. Call it before anything is submitted. May be called twice, and while
 * those processes run.
 * @param batches of which; default: all
 */
export async function placeSubmissions(
  app: Pick<App, 'config' | 'home' | 'orphans' | 'queues' | 'log'>,
  batches?: readonly string[],
): Promise<void> {
  const { orphans, queues, log } = app;
  const sum = { kept: 0, resumed: 0, archived: 0 };
  for await (const page of readSubmissions(app, batches && new Set(batches))) {
    const { kept, resumed, archived } = await orphans.place(page);
    for (const attempt of resumed) await queues.poll(attempt, 0);
    sum.kept += kept;
    sum.resumed += resumed.length;
    sum.archived += archived;
  }
  if (sum.resumed + sum.archived > 0) log.warn(sum, 'Redis had forgotten tasks of its items: they are recorded again');
  if (sum.kept > 0) {
    log.info(
      sum,
      'Redis does not know the items of these submissions: they continue when the items are submitted again',
    );
  }
  if (batches === undefined) await removeOldSubmissions(app);
}
