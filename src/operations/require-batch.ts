import type { App } from '../app.ts';
import { nearest } from '../core/did-you-mean.ts';
import { UserError } from '../core/errors.ts';

/** @throws UserError that names the nearest batch, when there is no batch of this name */
export async function requireBatch({ queries }: Pick<App, 'queries'>, batch: string): Promise<void> {
  if (await queries.batch(batch)) return;
  const names = (await queries.batches()).map((known) => known.batch);
  const meant = nearest(batch, names);
  throw new UserError(`there is no batch "${batch}"`, {
    cure: meant ? `Did you mean "${meant}"?` : 'See `clipmill status` for the batches there are.',
  });
}
