import { ApixoError } from '../../apixo/errors.ts';
import { errorPolicy } from '../../apixo/error-policy.ts';
import type { ApixoClient } from '../../apixo/client.ts';
import type { Model } from '../../apixo/model.ts';
import type { Attempts } from '../../ledger/attempts.ts';
import type { RequestBucket } from '../../ledger/request-token.ts';
import type { StepContext } from './step-context.ts';

export interface FreshUrlDeps {
  api: Pick<ApixoClient, 'status'>;
  attempts: Pick<Attempts, 'freshUrls'>;
  requests: Pick<RequestBucket, 'take'>;
  model: Model;
}

/**
 * Requests fresh URLs of a clip from the API, and records them in place of the old ones.
 * @returns `none` if the API currently has no URL of the task; `later` if the answer is inconclusive
 */
export async function refreshUrls(
  deps: FreshUrlDeps,
  taskId: string,
  context: StepContext,
): Promise<'fresh' | 'none' | 'later'> {
  const log = context.log.child({ task: taskId });
  function none(answer: string): 'none' {
    log.warn({ answer }, 'the API returned no URL of the clip');
    return 'none';
  }
  try {
    await deps.requests.take(context.signal);
    const report = await deps.api.status(deps.model, taskId);
    if (report.state === 'failed') return none(report.failMsg || report.failCode);
    if (report.state !== 'success') return 'later';
    await deps.attempts.freshUrls(context.attempt, report.urls);
    log.info('the API returned a fresh URL of the clip');
    return 'fresh';
  } catch (error) {
    if (!(error instanceof ApixoError)) throw error;
    if (errorPolicy[error.kind].poll === 'task-unknown') return none(error.message);
    log.warn({ answer: error.message }, 'could not request a fresh URL of the clip');
    return 'later';
  }
}
