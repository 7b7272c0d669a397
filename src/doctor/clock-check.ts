import { formatCount } from '../core/format.ts';
import type { Clock } from '../core/clock.ts';
import { ok, warn, type Finding } from '../core/finding.ts';

/** Tolerated skew, in milliseconds. One machine sets the delay of a poll, another one may read it. */
const TOLERATED_MS = 2_000;
/** Skew beyond which object stores reject signed requests, in milliseconds. */
const SIGNATURE_MS = 15 * 60_000;

/**
 * Judges the skew between this machine's clock and another one.
 * @param skewMs this clock minus the other one
 * @param precisionMs the largest error of the measurement
 */
export function judgeClock(whose: string, skewMs: number, precisionMs: number): Finding {
  const subject = 'clock';
  const off = Math.abs(skewMs);
  if (off <= TOLERATED_MS + precisionMs) return ok(subject, `within ${formatSeconds(off + precisionMs)} of ${whose}`);
  const found = `${formatSeconds(off)} ${skewMs > 0 ? 'ahead of' : 'behind'} ${whose}`;
  const harm =
    off >= SIGNATURE_MS
      ? 'polls run at the wrong time, and S3 rejects the requests that this machine signs'
      : 'polls run early or late by that much';
  return warn(subject, `${found}: ${harm}`, 'Run a time service (chrony, systemd-timesyncd) on both machines.');
}

function formatSeconds(ms: number): string {
  return `${ms < 10_000 ? (Math.ceil(ms / 100) / 10).toFixed(1) : formatCount(Math.round(ms / 1000))} s`;
}

/** Measures the skew of another clock, assuming that it was read half-way between request and reply. */
export async function skewOf(
  readMs: () => Promise<number>,
  clock: Pick<Clock, 'now'>,
): Promise<{ skewMs: number; precisionMs: number }> {
  const sentAt = clock.now();
  const other = await readMs();
  const repliedAt = clock.now();
  return { skewMs: (sentAt + repliedAt) / 2 - other, precisionMs: (repliedAt - sentAt) / 2 };
}
