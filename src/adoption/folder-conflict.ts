import { UserError } from '../core/errors.ts';
import { plural } from '../core/format.ts';
import type { ComparisonResult, NamedCount } from './folder-comparison.ts';
import type { BatchFolder } from './batch-folder.ts';

/** Policy for a folder that has other contents than these jobs: refuse it, adopt its files, or pay again and replace them. */
export type FolderPolicy = 'refuse' | 'adopt' | 'replace';

const cure =
  'Choose one: store the clips in a folder of their own (--batch NAME; in the library another batch name), accept the ' +
  'existing files as the clips of these jobs (--adopt; adopt: true), or pay for new clips that replace those files ' +
  '(--replace; replace: true).';

/**
 * Returns the error if a batch must not continue in its folder without a decision of the user, before anything is sent.
 * @param source the jobs file as an absolute path
 * @param options.partial true if more jobs may follow
 * @returns `undefined` if there is no conflict
 */
export function conflictOf(
  folder: BatchFolder,
  result: ComparisonResult,
  source: string | undefined,
  policy: FolderPolicy,
  { partial = false }: { partial?: boolean } = {},
): UserError | undefined {
  if (policy === 'adopt') return undefined;
  if (result.elsewhere.count > 0) return otherFileError(folder.batch, result.elsewhere);
  if (policy === 'replace') return undefined;
  const problems = [
    ...otherBatchIn(folder, result, source, partial),
    ...listed(result.changed, 'job has', 'jobs have', 'different content in the manifest'),
    ...listed(result.occupied, 'name is', 'names are', 'taken by a file that neither Redis nor a manifest lists'),
  ];
  if (problems.length === 0) return undefined;
  const where = folder.storage.locate(folder.batch);
  return new UserError(`batch "${folder.batch}" conflicts with the contents of ${where}:\n  ${problems.join('\n  ')}`, {
    cure,
  });
}

/** Returns the problem of a folder whose clips are those of another batch with the same name: most match none of the jobs. */
function otherBatchIn(
  folder: BatchFolder,
  { matched }: ComparisonResult,
  source: string | undefined,
  partial: boolean,
): string[] {
  const others = folder.rows - matched;
  const from = folder.marker?.source ? ` (of ${folder.marker.source})` : '';
  if (folder.rows === 0) return [];
  if (folder.otherApi)
    return [`the folder has ${plural(folder.rows, 'item')} made with another API: ${folder.marker?.api}`];
  if (!folder.foreign || others === 0) return [];
  // The same file, submitted from another folder or machine, still matches most of the clips after edits.
  const sameFile = source !== undefined && folder.marker?.source === source;
  if (matched > 0 && (partial || sameFile || matched >= others)) return [];
  return [`the folder has ${plural(others, 'item')} of another jobs file${from} and another installation`];
}

function otherFileError(batch: string, elsewhere: NamedCount): UserError {
  const [problem = ''] = listed(
    elsewhere,
    'job has the id of one of its items',
    'jobs have ids of its items',
    'and different content',
  );
  return new UserError(`batch "${batch}" belongs to another jobs file: ${problem}`, {
    cure: 'Use another name for the batch (--batch NAME), or other ids. --adopt accepts the existing clips as those of these jobs.',
  });
}

function listed({ count, named }: NamedCount, one: string, many: string, fault: string): string[] {
  if (count === 0) return [];
  const more = count > named.length ? `, and ${count - named.length} more` : '';
  return [`${count} ${count === 1 ? one : many} ${fault}: ${named.join(', ')}${more}`];
}
