import type { App } from '../app.ts';
import { readSubmissions, removeOldSubmissions } from './submission-log.ts';

/**
 * Replays the submission log of this working folder: assigns each submission to its item, or keeps it as an orphan in
 * Redis until the item is added again. Call it before any submission. Safe to call twice, and while the processes that
 * write the log run.
 * @param batches restricts the submissions to these batches. Default: all.
 */
export async function replaySubmissions(
  app: Pick<App, 'config' | 'home' | 'orphans' | 'queues' | 'log'>,
  batches?: readonly string[],
): Promise<void> {
  const { orphans, queues, log } = app;
  const sum = { kept: 0, resumed: 0, archived: 0 };
  for await (const page of readSubmissions(app, batches && new Set(batches))) {
    const { kept, resumed, archived } = await orphans.assign(page);
    for (const attempt of resumed) await queues.poll(attempt, 0);
    sum.kept += kept;
    sum.resumed += resumed.length;
    sum.archived += archived;
  }
  if (sum.resumed + sum.archived > 0) log.warn(sum, 'Redis had lost tasks of its items: recorded them again');
  if (sum.kept > 0) {
    log.info(sum, 'Redis lacks the items of these submissions: they continue when the items are submitted again');
  }
  if (batches === undefined) await removeOldSubmissions(app);
}
