import { UserError } from '../core/errors.ts';
import { plural } from '../core/format.ts';
import type { FolderFindings, NamedCount } from './check.ts';
import type { BatchFolder } from './open.ts';

/** Policy for a folder that holds other content than these jobs: refuse, keep it, or pay again and replace it. */
export type FolderPolicy = 'refuse' | 'adopt' | 'replace';

const cure =
  'Choose one: --batch NAME makes them in a folder of their own; --adopt keeps what is there and takes it for the ' +
  'clips of these jobs; --replace pays for these clips and replaces the files of their names.';

/**
 * Decides whether a batch may continue in a folder without a decision of the user.
 * @param source the jobs file as an absolute path
 * @param options.partial true if more jobs may follow
 * @returns the error to report before anything is sent; `undefined` if there is no conflict
 */
export function conflictOf(
  folder: BatchFolder,
  findings: FolderFindings,
  source: string | undefined,
  policy: FolderPolicy,
  { partial = false }: { partial?: boolean } = {},
): UserError | undefined {
  if (policy === 'adopt') return undefined;
  if (findings.elsewhere.count > 0) return otherFile(folder.batch, findings.elsewhere);
  if (policy === 'replace') return undefined;
  const problems = [
    ...strangersIn(folder, findings, source, partial),
    ...listed(findings.changed, 'job has', 'jobs have', 'other content there'),
    ...listed(findings.occupied, 'name is', 'names are', 'taken by a file that neither Redis nor a manifest lists'),
  ];
  if (problems.length === 0) return undefined;
  const where = folder.storage.locate(folder.batch);
  return new UserError(`batch "${folder.batch}" cannot simply go to ${where}:\n  ${problems.join('\n  ')}`, { cure });
}

/** Returns the problem of a folder whose clips match none of the jobs, which shows another batch of that name. */
function strangersIn(
  folder: BatchFolder,
  { matched }: FolderFindings,
  source: string | undefined,
  partial: boolean,
): string[] {
  const others = folder.rows - matched;
  const from = folder.marker?.source ? ` (of ${folder.marker.source})` : '';
  if (folder.rows === 0) return [];
  if (folder.otherApi)
    return [`${plural(folder.rows, 'item')} there were made with another API: ${folder.marker?.api}`];
  if (!folder.foreign || others === 0) return [];
  // The same file, submitted from another folder or machine, still matches most of the clips after edits.
  const sameFile = source !== undefined && folder.marker?.source === source;
  if (matched > 0 && (partial || sameFile || matched >= others)) return [];
  return [`it holds ${plural(others, 'item')} of another jobs file${from} and another installation`];
}

function otherFile(batch: string, elsewhere: NamedCount): UserError {
  const [problem = ''] = listed(
    elsewhere,
    'job has',
    'jobs have',
    'the id of an item of another jobs file, with other content',
  );
  return new UserError(`batch "${batch}" has clips of another jobs file: ${problem}`, {
    cure: 'Use --batch NAME for a batch of its own, or other ids; with --adopt the clips that are there count as those of these jobs.',
  });
}

function listed({ count, named }: NamedCount, one: string, many: string, fault: string): string[] {
  if (count === 0) return [];
  const more = count > named.length ? `, and ${count - named.length} more` : '';
  return [`${count} ${count === 1 ? one : many} ${fault}: ${named.join(', ')}${more}`];
}
