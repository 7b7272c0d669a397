import type { JobsFile } from '../jobs/open.ts';
import type { Submission } from '../operations/submit.ts';

/** The batch of a jobs file, as it is submitted. */
export function headerOf(file: JobsFile) {
  return { batch: file.batch, maxClips: file.maxClips, source: file.source };
}

/** Says which jobs were changed in the file after they were submitted; `undefined` when none was. */
export function changedNotice(file: JobsFile, submission: Submission): string | undefined {
  const { batch, changed, otherSource } = submission;
  if (changed.length === 0) return undefined;
  const other =
    otherSource === undefined ? '' : ` (the batch "${batch}" was made from ${otherSource}: --batch NAME makes another)`;
  return `${file.path}: changed since they were submitted, and left as they were${other}: ${changed.join(', ')} (a new id makes a new clip)`;
}
