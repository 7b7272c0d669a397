import type { LenientReading } from '../apixo/client.ts';
import type { Logger } from '../core/log.ts';
import { metrics } from '../core/metrics.ts';

/**
 * Counts answers that were read otherwise than documented, and logs the first of each kind as it came: the
 * API has changed, and the next change may be one that is not understood.
 */
export function lenientLog(log: Logger): (reading: LenientReading) => void {
  const logged = new Set<string>();
  return ({ endpoint, what, raw }) => {
    metrics.lenientReadings.inc({ endpoint, what });
    const kind = `${endpoint} ${what}`;
    if (logged.has(kind)) return;
    logged.add(kind);
    log.warn({ endpoint, what, answer: raw }, 'the API answers otherwise than documented; the answer was understood');
  };
}
