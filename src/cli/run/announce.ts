import type { Config } from '../../config/config.ts';
import { formatCount, formatUsd, plural } from '../../core/format.ts';
import type { JobsFile } from '../../jobs/open-jobs-files.ts';
import type { Preview } from '../../operations/preview.ts';
import type { RunningServer } from '../../server/start-server.ts';
import { describeStoredItems } from '../jobs-files.ts';

/** Describes a submission before it begins: new and existing clips, seconds of video, balance and budgets. */
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
  const found = [...(existing > 0 ? [plural(existing, 'existing clip')] : []), ...describeStoredItems(previews)];
  const known = found.length > 0 ? ` (${found.join('; ')})` : '';
  return [
    `submitting ${plural(added, 'new clip')}${known}, ${plural(seconds, 'second')} of video in all` +
      (balance === undefined ? '' : `; balance ${formatUsd(balance)}`),
    ...budgetNotices(files, previews),
  ].join('\n');
}

/** Returns a line for each batch that exceeds its budget, whether this or an earlier submission set it. */
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
        `${batch}: ${plural(clips, 'clip')} exceed the budget of ${formatCount(budget)}: the rest will be held`,
    );
}

/** Returns a line for each listener of this process, and for the callback URL. */
export function describeListeners(urls: RunningServer['urls'], { callbackUrl }: Config): string[] {
  const lines: string[] = [];
  if (callbackUrl !== undefined) {
    const where = urls.callbacks ?? '`clipmill serve`, which must run on the same Redis';
    lines.push(`callbacks: the API calls ${callbackUrl}/cb/…, received by ${where}`);
  }
  if (urls.server !== undefined) lines.push(`health and metrics: ${urls.server}`);
  if (urls.metrics !== undefined) lines.push(`metrics: ${urls.metrics}/metrics`);
  return lines;
}
