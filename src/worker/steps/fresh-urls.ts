import { ApixoError } from '../../apixo/errors.ts';
import { errorPolicy } from '../../apixo/policy.ts';
import type { ApixoClient } from '../../apixo/client.ts';
import type { Model } from '../../apixo/model.ts';
import type { Attempts } from '../../ledger/attempts.ts';
import type { RequestBucket } from '../../ledger/request-token.ts';
import type { StepContext } from './context.ts';

export interface FreshUrlDeps {
  api: Pick<ApixoClient, 'status'>;
  attempts: Pick<Attempts, 'freshUrls'>;
  requests: Pick<RequestBucket, 'take'>;
  model: Model;
}

/**
 * Asks the API for URLs of a clip that are still good, and puts them in the place of the old ones.
 * @returns `none`: the task has no URL according to the API, for now; `later`: the answer was of no use
 */
export async function askFreshUrls(
  deps: FreshUrlDeps,
  taskId: string,
  context: StepContext,
): Promise<'fresh' | 'none' | 'later'> {
  const log = context.log.child({ task: taskId });
  function none(answer: string): 'none' {
    log.warn({ answer }, 'the API has no URL of the clip');
    return 'none';
  }
  try {
    await deps.requests.take(context.signal);
    const report = await deps.api.status(deps.model, taskId);
    if (report.state === 'failed') return none(report.failMsg || report.failCode);
    if (report.state !== 'success') return 'later';
    await deps.attempts.freshUrls(context.attempt, report.urls);
    log.info('the API gave a fresh URL of the clip');
    return 'fresh';
  } catch (error) {
    if (!(error instanceof ApixoError)) throw error;
    if (errorPolicy[error.kind].poll === 'task-unknown') return none(error.message);
    log.warn({ answer: error.message }, 'the API gave no answer about the clip');
    return 'later';
  }
}
