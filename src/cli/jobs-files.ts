import type { Config } from '../config/config.ts';
import { plural } from '../core/format.ts';
import { openJobsFiles, sharedBatches, type JobsFile, type OpenOptions } from '../jobs/open-jobs-files.ts';
import type { Submittable } from '../operations/prepare.ts';
import type { Preview } from '../operations/preview.ts';
import type { Submission } from '../operations/submit.ts';
import { openStorage } from '../storage/open-storage.ts';
import type { CliContext } from './command-context.ts';

/**
 * Opens and checks the files of a command, and prints notices about them.
 * @throws InputError with all errors in them
 */
export async function openFiles(
  context: CliContext,
  config: Config,
  paths: readonly string[],
  options: OpenOptions,
): Promise<JobsFile[]> {
  if (paths.includes('-') && process.stdin.isTTY) context.err('reading jobs from standard input; end with Ctrl-D\n');
  const storage = openStorage(config);
  const rules = await storage.nameRules();
  await storage.close();
  const files = await openJobsFiles(paths, {
    maxItems: config.maxItems,
    nameFault: (name) => rules.fault(name),
    ...options,
  });
  for (const file of files) for (const notice of file.notices) context.err(`${file.path}: ${notice}\n`);
  if (options.batch === undefined) for (const line of sharedBatches(files)) context.err(`${line}\n`);
  return files;
}

export async function closeFiles(files: readonly JobsFile[]): Promise<void> {
  await Promise.all(files.map((file) => file.close()));
}

/** Returns the header of the submission of a jobs file. */
export function headerOf(file: JobsFile) {
  return { batch: file.batch, maxClips: file.maxClips, source: file.source };
}

/** Describes the jobs that were changed in the file after their submission; `undefined` if there are none. */
export function changedNotice(file: JobsFile, submission: Submission): string | undefined {
  const { batch, changed, otherSource } = submission;
  if (changed.length === 0) return undefined;
  const other =
    otherSource === undefined
      ? ''
      : ` (batch "${batch}" was created from ${otherSource}; --batch NAME creates another one)`;
  return `${file.path}: jobs changed since their submission keep their first content${other}: ${changed.join(', ')} (a new id makes a new clip)`;
}

/** Returns the files in the form that a submission needs. */
export function submittables(files: readonly JobsFile[]): Submittable[] {
  return files.map((file) => ({ header: headerOf(file), jobs: () => file.jobs() }));
}

/** Describes the items that are in the storage and not in the ledger, in phrases for the line before a submission. */
export function describeStoredItems(previews: readonly Preview[]): string[] {
  const sum = (field: 'stored' | 'underWay' | 'ended') =>
    previews.reduce((total, preview) => total + preview[field], 0);
  const [stored, underWay, ended] = [sum('stored'), sum('underWay'), sum('ended')];
  return [
    ...(stored > 0 ? [`${plural(stored, 'clip')} already stored`] : []),
    ...(underWay > 0 ? [`${plural(underWay, 'task')} in progress at the API will be continued`] : []),
    ...(ended > 0 ? [`${plural(ended, 'item')} failed, cancelled or held before`] : []),
  ];
}
