import { ApixoError } from '../../apixo/errors.ts';
import { errorPolicy } from '../../apixo/policy.ts';
import type { ApixoClient } from '../../apixo/client.ts';
import type { Model } from '../../apixo/model.ts';
import type { Attempt, Attempts } from '../../ledger/attempts.ts';
import type { RequestBucket } from '../../ledger/request-token.ts';
import type { Logger } from '../../core/log.ts';
import type { StepContext } from '../../queue/outcome.ts';

export interface FreshUrlDeps {
  api: Pick<ApixoClient, 'status'>;
  attempts: Pick<Attempts, 'freshUrls'>;
  requests: RequestBucket;
  model: Model;
  log: Logger;
}

/**
 * Asks the API for URLs of a clip that are still good, and puts them in the place of the old ones.
 * @returns `none`: the API says that there are none, which it may take back; `later`: it said nothing of use
 */
export async function askFreshUrls(
  deps: FreshUrlDeps,
  attempt: Attempt,
  taskId: string,
  context: StepContext,
): Promise<'fresh' | 'none' | 'later'> {
  const about = { batch: attempt.batch, item: attempt.id, attempt: attempt.attempt, task: taskId };
  function none(answer: string): 'none' {
    deps.log.warn({ ...about, answer }, 'the API has no URL of the clip');
    return 'none';
  }
  try {
    await deps.requests.take(context.draining);
    const report = await deps.api.status(deps.model, taskId);
    if (report.state === 'failed') return none(report.failMsg || report.failCode);
    if (report.state !== 'success') return 'later';
    await deps.attempts.freshUrls(attempt, report.urls);
    deps.log.info(about, 'the API gave a fresh URL of the clip');
    return 'fresh';
  } catch (error) {
    if (!(error instanceof ApixoError)) throw error;
    if (errorPolicy[error.kind].poll === 'task-unknown') return none(error.message);
    deps.log.warn({ ...about, answer: error.message }, 'the API gave no answer about the clip');
    return 'later';
  }
}
