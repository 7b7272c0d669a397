import type { Corrections } from '../../ledger/admin.ts';
import type { Reading } from '../../ledger/queries.ts';
import type { Config } from '../../config/config.ts';
import type { Logger } from '../../core/log.ts';

export interface RetentionDeps {
  reading: Pick<Reading, 'endedBatches'>;
  corrections: Pick<Corrections, 'purge'>;
  config: Pick<Config, 'retentionMs'>;
  log: Logger;
}

/**
 * Forgets batches that ended longer than the retention ago, a page at a time, so that Redis is never
 * held for long. Their clips stay; submitting their files again would make them anew.
 */
export async function forgetOldBatches({ reading, corrections, config, log }: RetentionDeps): Promise<void> {
  for (const batch of await reading.endedBatches()) {
    let left = await corrections.purge(batch, config.retentionMs);
    // They come in the order of their ends: the others are younger.
    if (left === undefined) return;
    while (left) left = await corrections.purge(batch, config.retentionMs);
    if (left === 0) log.info({ batch }, 'forgot a batch whose retention is over');
  }
}
