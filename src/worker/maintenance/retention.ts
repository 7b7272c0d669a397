import type { Admin } from '../../ledger/admin.ts';
import type { Queries } from '../../ledger/queries.ts';
import type { Config } from '../../config/config.ts';
import type { Logger } from '../../core/log.ts';

export interface RetentionDeps {
  queries: Pick<Queries, 'endedBatches'>;
  admin: Pick<Admin, 'purge' | 'trimEvents'>;
  config: Pick<Config, 'retentionMs'>;
  log: Logger;
}

/**
 * Bounds the stream of events, and deletes batches that ended longer than the retention ago, a page at a time, so that
 * Redis is never blocked for long. Their clips stay; submitting their files again adopts them.
 */
export async function forgetOldBatches({ queries, admin, config, log }: RetentionDeps): Promise<void> {
  await admin.trimEvents();
  for (const batch of await queries.endedBatches()) {
    let left = await admin.purge(batch, config.retentionMs);
    // In the order of their ends: the others are younger.
    if (left === 'too-young') return;
    while (typeof left === 'number' && left > 0) left = await admin.purge(batch, config.retentionMs);
    if (left === 0) log.info({ batch }, 'deleted a batch whose retention is over');
  }
}
