import { describeError } from '../../core/errors.ts';
import { StorageError } from '../storage.ts';

/** Errors of one name while others may well be stored, and of one folder when the root can be written. */
const ofOneName = new Set([
  'EACCES',
  'EEXIST',
  'EILSEQ',
  'EINVAL',
  'EISDIR',
  'ELOOP',
  'ENAMETOOLONG',
  'ENOENT',
  'ENOTDIR',
  'ENOTEMPTY',
  'EPERM',
]);

const makeRoom = 'Free some space, or set CLIPMILL_STORAGE to another place.';
const makeWritable = 'Make the folder writable, or set CLIPMILL_STORAGE to another place.';
const cures: Record<string, string> = {
  EACCES: makeWritable,
  EDQUOT: makeRoom,
  EMFILE: 'Raise the limit of open files (ulimit -n).',
  ENOSPC: makeRoom,
  EPERM: makeWritable,
  EROFS: makeWritable,
};

export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** Whether an error may be about one name rather than about the storage. */
export function mayBeOfOneName(error: unknown): boolean {
  return ofOneName.has(codeOf(error));
}

export function cureOf(error: unknown): string {
  return cures[codeOf(error)] ?? makeWritable;
}

/** An error of the file system as a StorageError; any other error as it is. */
export function asStorageError(error: unknown, place: string, verb = 'write to'): unknown {
  if (codeOf(error) === '' || error instanceof StorageError) return error;
  return new StorageError(`cannot ${verb} ${place}: ${describeError(error)}`, { cure: cureOf(error), cause: error });
}
