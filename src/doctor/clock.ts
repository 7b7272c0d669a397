import type { Clock } from '../core/clock.ts';
import { ok, warn, type Finding } from '../core/finding.ts';

/** The delay of a poll is set by one machine's clock and read by another's. */
const TOLERATED_MS = 2_000;
/** Object stores refuse requests that are signed by a clock further off. */
const SIGNATURE_MS = 15 * 60_000;

/**
 * How far this machine's clock is from another.
 * @param skewMs this clock minus the other
 * @param precisionMs how far the other reading may be off
 */
export function judgeClock(whose: string, skewMs: number, precisionMs: number): Finding {
  const subject = 'clock';
  const off = Math.abs(skewMs);
  if (off <= TOLERATED_MS + precisionMs) return ok(subject, `within ${formatSeconds(off + precisionMs)} of ${whose}`);
  const found = `${formatSeconds(off)} ${skewMs > 0 ? 'ahead of' : 'behind'} ${whose}`;
  const harm =
    off >= SIGNATURE_MS
      ? 'polls come at the wrong time, and S3 refuses the signatures of this machine'
      : 'polls come early or late by that';
  return warn(subject, `${found}: ${harm}`, 'Run a time service (chrony, systemd-timesyncd) on this machine and that.');
}

function formatSeconds(ms: number): string {
  return `${ms < 10_000 ? (Math.ceil(ms / 100) / 10).toFixed(1) : Math.round(ms / 1000).toLocaleString('en')} s`;
}

/** Reads the other clock, whose reading was made half-way between asking and answering. */
export async function skewOf(
  readMs: () => Promise<number>,
  clock: Pick<Clock, 'now'>,
): Promise<{ skewMs: number; precisionMs: number }> {
  const asked = clock.now();
  const other = await readMs();
  const answered = clock.now();
  return { skewMs: (asked + answered) / 2 - other, precisionMs: (answered - asked) / 2 };
}
