import type { Config } from '../../config/config.ts';
import { formatCount, formatUsd, plural } from '../../core/format.ts';
import type { JobsFile } from '../../jobs/open.ts';
import type { Preview } from '../../operations/preview.ts';
import type { RunningServer } from '../../server/start.ts';
import { foundWords } from '../jobs-files.ts';

export function announcement(
  files: readonly JobsFile[],
  previews: readonly Preview[],
  balance: number | undefined,
): string {
  let [added, existing, seconds] = [0, 0, 0];
  for (const preview of previews) {
    added += preview.added;
    existing += preview.existing;
    seconds += preview.videoSeconds;
  }
  const found = [...(existing > 0 ? [`${plural(existing, 'clip')} known already`] : []), ...foundWords(previews)];
  const known = found.length > 0 ? ` (${found.join('; ')})` : '';
  return [
    `submitting ${plural(added, 'new clip')}${known}, ${plural(seconds, 'second')} of video in all` +
      (balance === undefined ? '' : `; balance ${formatUsd(balance)}`),
    ...budgetNotices(files, previews),
  ].join('\n');
}

/** A budget belongs to the batch, whichever file or earlier submission gave it. */
function budgetNotices(files: readonly JobsFile[], previews: readonly Preview[]): string[] {
  const batches = new Map<string, { budget: number; clips: number }>();
  for (const [index, { batch }] of files.entries()) {
    const preview = previews[index];
    const budget = files.find((file) => file.batch === batch && file.maxClips)?.maxClips ?? preview?.maxClips;
    if (preview === undefined || budget === undefined || budget === 'none') continue;
    const clips = batches.get(batch)?.clips ?? preview.posted + preview.waiting;
    batches.set(batch, { budget, clips: clips + preview.added });
  }
  return [...batches]
    .filter(([, { budget, clips }]) => clips > budget)
    .map(
      ([batch, { budget, clips }]) =>
        `${batch}: ${plural(clips, 'clip')} on a budget of ${formatCount(budget)}: the rest will be held`,
    );
}

/** Where this process listens and what the API calls, a line each. */
export function describeListeners(urls: RunningServer['urls'], { callbackUrl }: Config): string[] {
  const lines: string[] = [];
  if (callbackUrl !== undefined) {
    const where = urls.callbacks ?? '`clipmill serve`, which has to run on the same Redis';
    lines.push(`callbacks: the API calls ${callbackUrl}/cb/…, taken at ${where}`);
  }
  if (urls.server !== undefined) lines.push(`health and metrics: ${urls.server}`);
  if (urls.metrics !== undefined) lines.push(`metrics: ${urls.metrics}/metrics`);
  return lines;
}
