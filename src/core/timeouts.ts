import { setTimeout as sleep } from 'node:timers/promises';

/** @returns whether `work` was done within `ms` milliseconds; it goes on if it was not. @throws what it throws by then */
export async function settlesWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  const timeout = new AbortController();
  const settled = work.then(() => true);
  const late = sleep(ms, false, { signal: timeout.signal }).catch(() => false);
  const inTime = await Promise.race([settled, late]);
  timeout.abort();
  return inTime;
}
