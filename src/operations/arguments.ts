import { nearest } from '../core/did-you-mean.ts';
import { UserError } from '../core/errors.ts';
import type { App } from '../app.ts';

/**
 * Checks that options are an object that has no others than the known ones: a misspelled one would be ignored.
 * @throws UserError
 */
export function requireOptions(call: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new UserError(`${call}: the options must be an object`);
  }
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    // As the command line and the jobs files write them.
    const meant = nearest(
      name.replace(/_(\w)/g, (_match, letter: string) => letter.toUpperCase()),
      known,
    );
    throw new UserError(`${call}: unknown option "${name}"`, {
      cure: meant === undefined ? `The options are ${known.join(', ')}.` : `Did you mean "${meant}"?`,
    });
  }
}

/** @throws UserError when the name of a batch is no text, or the jobs are no list */
export function requireJobs(batch: unknown, jobs: unknown): void {
  if (typeof batch !== 'string') throw new UserError('submit: the first argument is the name of the batch, a text');
  const iterable =
    typeof jobs === 'object' && jobs !== null && (Symbol.iterator in jobs || Symbol.asyncIterator in jobs);
  if (!iterable) {
    throw new UserError('submit: the second argument is the jobs: an array, or another iterable', {
      cure: 'Put a single job into an array.',
    });
  }
}

/** @throws UserError that names the nearest batch, when there is no batch of this name */
export async function requireBatch({ queries }: Pick<App, 'queries'>, batch: string): Promise<void> {
  if (await queries.batch(batch)) return;
  const names = (await queries.batches()).map((known) => known.batch);
  const meant = nearest(batch, names);
  throw new UserError(`there is no batch "${batch}"`, {
    cure: meant ? `Did you mean "${meant}"?` : 'See `clipmill status` for the batches there are.',
  });
}
