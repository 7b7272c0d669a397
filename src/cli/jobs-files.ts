import { Option, type Command } from 'commander';
import { plural } from '../core/format.ts';
import type { JobsFile } from '../jobs/open.ts';
import type { FolderPolicy } from '../adoption/conflict.ts';
import type { Submittable } from '../operations/prepare.ts';
import type { Preview, Submission } from '../operations/submit.ts';

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

/** Flags of `run` and `submit` about the folders of their batches. */
export interface FolderFlags {
  adopt?: true;
  replace?: true;
}

export function addFolderOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--adopt', 'take what the batch has in the storage for the clips of these jobs').conflicts('replace'),
    )
    .option('--replace', 'pay for these clips and replace the files of their names in the storage');
}

export function folderPolicy({ adopt, replace }: FolderFlags): FolderPolicy {
  return adopt ? 'adopt' : replace ? 'replace' : 'refuse';
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
