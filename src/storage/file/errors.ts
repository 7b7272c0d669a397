import { describeError } from '../../core/errors.ts';
import { StorageError } from '../storage.ts';

/** Errors that may concern a single name or folder, while other files can be stored. */
const nameErrors = new Set([
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

/** Returns the code of a system error, such as ENOENT; empty for any other error. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** Returns whether an error may concern a single name rather than the storage. */
export function mayConcernName(error: unknown): boolean {
  return nameErrors.has(codeOf(error));
}

/** Returns what to do about an error of the file system. */
export function cureOf(error: unknown): string {
  return cures[codeOf(error)] ?? makeWritable;
}

/** Converts an error of the file system to a StorageError. Returns any other error unchanged. */
export function asStorageError(error: unknown, place: string, verb = 'write to'): unknown {
  if (codeOf(error) === '' || error instanceof StorageError) return error;
  return new StorageError(`cannot ${verb} ${place}: ${describeError(error)}`, { cure: cureOf(error), cause: error });
}
