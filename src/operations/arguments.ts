import { nearest } from '../core/did-you-mean.ts';
import { UserError } from '../core/errors.ts';
import type { App } from '../app.ts';

/**
 * Checks that options are an object with known names only: a misspelled option would be ignored.
 * @throws UserError
 */
export function requireOptions(call: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new UserError(`${call}: the options must be an object`);
  }
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    // Jobs files write names in snake case.
    const meant = nearest(
      name.replace(/_(\w)/g, (_match, letter: string) => letter.toUpperCase()),
      known,
    );
    throw new UserError(`${call}: unknown option "${name}"`, {
      cure: meant === undefined ? `The options are ${known.join(', ')}.` : `Did you mean "${meant}"?`,
    });
  }
}

/** @throws UserError if the name of the batch is not a string, or the jobs are not iterable */
export function requireJobs(batch: unknown, jobs: unknown): void {
  if (typeof batch !== 'string')
    throw new UserError('submit: the first argument must be the name of the batch, a string');
  const iterable =
    typeof jobs === 'object' && jobs !== null && (Symbol.iterator in jobs || Symbol.asyncIterator in jobs);
  if (!iterable) {
    throw new UserError('submit: the second argument must be the jobs: an array or another iterable', {
      cure: 'Put a single job into an array.',
    });
  }
}

/** @throws UserError with the closest name, if there is no such batch */
export async function requireBatch({ queries }: Pick<App, 'queries'>, batch: string): Promise<void> {
  if (await queries.batch(batch)) return;
  const names = (await queries.batches()).map((known) => known.batch);
  const meant = nearest(batch, names);
  throw new UserError(`there is no batch "${batch}"`, {
    cure: meant ? `Did you mean "${meant}"?` : 'See `clipmill status` for all batches.',
  });
}
