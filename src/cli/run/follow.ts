import { systemClock } from '../../core/clock.ts';
import type { Batch, Counts } from '../../ledger/batch.ts';
import { itemStates } from '../../ledger/schema/states.ts';
import { readUsage } from '../../ledger/limits.ts';
import type { App } from '../../app.ts';
import { readObstacles, etaMs, PACE_WINDOW_MS } from '../../operations/status.ts';
import type { ProgressRenderer } from './progress.ts';

/** Refresh interval of the progress, in milliseconds. */
const REFRESH_MS = 500;

/**
 * Shows the progress of batches until all have ended.
 * @throws the signal's reason if it aborts first
 */
export async function followBatches(
  app: App,
  names: readonly string[],
  progress: ProgressRenderer,
  signal: AbortSignal,
): Promise<Batch[]> {
  const pace = new Pace();
  for (;;) {
    signal.throwIfAborted();
    const batches = await readBatches(app, names);
    const counts = sumCounts(batches);
    pace.add(performance.now(), counts);
    progress.render({
      title: names.length === 1 ? (names[0] ?? '') : `${names.length} batches`,
      counts,
      clipsPerMinute: pace.clipsPerMinute(),
      etaMs: pace.etaMs(counts),
      usage: await readUsage(app.run, app.config),
      obstacles: await readObstacles(app),
    });
    if (batches.length === names.length && batches.every((batch) => batch.endedAt !== null)) return batches;
    await systemClock.sleep(REFRESH_MS, signal);
  }
}

export async function readBatches(app: App, names: readonly string[]): Promise<Batch[]> {
  const found = await Promise.all(names.map((name) => app.queries.batch(name)));
  return found.filter((batch) => batch !== undefined);
}

export function sumCounts(batches: readonly { counts: Counts }[]): Counts {
  const names = ['total', ...itemStates] as const;
  const sum = Object.fromEntries(names.map((name) => [name, 0])) as Counts;
  for (const { counts } of batches) {
    for (const name of names) sum[name] += counts[name];
  }
  return sum;
}

/** Measures the pace from counts sampled over the last minute. */
export class Pace {
  readonly #samples: { at: number; done: number }[] = [];

  /** @param at milliseconds of a monotonic clock */
  add(at: number, counts: Counts): void {
    this.#samples.push({ at, done: counts.done });
    while (this.#samples.length > 2 && (this.#samples[1]?.at ?? at) <= at - PACE_WINDOW_MS) this.#samples.shift();
  }

  clipsPerMinute(): number {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (!first || !last || last.at - first.at < 500) return 0;
    return ((last.done - first.done) / (last.at - first.at)) * 60_000;
  }

  /** Returns the milliseconds until the end at this pace; `null` while the pace is 0. */
  etaMs(counts: Counts): number | null {
    return etaMs(counts, this.clipsPerMinute());
  }
}
