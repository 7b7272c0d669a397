import type { Config } from '../config/config.ts';
import { plural } from '../core/format.ts';
import { openJobsFiles, sharedBatches, type JobsFile, type OpenOptions } from '../jobs/open.ts';
import type { Submittable } from '../operations/prepare.ts';
import type { Preview } from '../operations/preview.ts';
import type { Submission } from '../operations/submit.ts';
import { openStorage } from '../storage/open.ts';
import type { CliContext } from './context.ts';

/**
 * Opens the files of a command and prints notes about them.
 * @throws InputError with all that is wrong with them
 */
export async function openFiles(
  context: CliContext,
  config: Config,
  paths: readonly string[],
  options: OpenOptions,
): Promise<JobsFile[]> {
  if (paths.includes('-') && process.stdin.isTTY) context.err('reading jobs from standard input, up to Ctrl-D\n');
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

/** The batch of a jobs file, as it is submitted. */
export function headerOf(file: JobsFile) {
  return { batch: file.batch, maxClips: file.maxClips, source: file.source };
}

/** Describes the jobs that were changed in the file after they were submitted; `undefined` when none was. */
export function changedNotice(file: JobsFile, submission: Submission): string | undefined {
  const { batch, changed, otherSource } = submission;
  if (changed.length === 0) return undefined;
  const other =
    otherSource === undefined ? '' : ` (the batch "${batch}" was made from ${otherSource}: --batch NAME makes another)`;
  return `${file.path}: changed since they were submitted, and left as they were${other}: ${changed.join(', ')} (a new id makes a new clip)`;
}

/** The files as a submission prepares them. */
export function submittables(files: readonly JobsFile[]): Submittable[] {
  return files.map((file) => ({ header: headerOf(file), jobs: () => file.jobs() }));
}

/** Describes the jobs that the storage has and the ledger does not know, for the line before a submission. */
export function foundWords(previews: readonly Preview[]): string[] {
  const sum = (field: 'stored' | 'underWay' | 'ended') =>
    previews.reduce((total, preview) => total + preview[field], 0);
  const [stored, underWay, ended] = [sum('stored'), sum('underWay'), sum('ended')];
  return [
    ...(stored > 0 ? [`${plural(stored, 'clip')} ${stored === 1 ? 'is' : 'are'} there already`] : []),
    ...(underWay > 0
      ? [`${plural(underWay, 'task')} under way at the API: going on with ${underWay === 1 ? 'it' : 'them'}`]
      : []),
    ...(ended > 0 ? [`${plural(ended, 'item')} failed, cancelled or held before`] : []),
  ];
}
