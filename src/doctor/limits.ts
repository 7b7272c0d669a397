import type { Config } from '../config/config.ts';
import type { AccountState } from '../ledger/account.ts';
import type { LimitsInForce, Usage } from '../ledger/limits.ts';
import { fail, ok, warn, type Finding } from '../core/finding.ts';

/** The limits that all processes keep: those of the worker that started last, or of this environment if none has. */
export function judgeLimits(
  config: Pick<Config, 'maxTasks' | 'maxRequests' | 'requestWindowMs'>,
  inForce: LimitsInForce | undefined,
  usage: Usage,
): Finding {
  const mine = { maxTasks: config.maxTasks, maxRequests: config.maxRequests, windowMs: config.requestWindowMs };
  const used = `${count(usage.slots.used)} tasks in flight, ${count(usage.requests.used)} requests in the window now`;
  if (!inForce) return ok('limits', `${describe(mine)}, from here; no worker has set any yet`);
  if (describe(mine) === describe(inForce)) return ok('limits', `${describe(inForce)}; ${used}`);
  return warn(
    'limits',
    `${describe(inForce)} by the worker that started last, here ${describe(mine)}; ${used}`,
    'Give all machines the same CLIPMILL_MAX_TASKS, CLIPMILL_MAX_REQUESTS and CLIPMILL_REQUEST_WINDOW.',
  );
}

export function judgeSubmission({ halted, pausedSince }: AccountState): Finding {
  if (halted) {
    return fail(
      'submission',
      `halted (${halted.reason}): ${halted.message}`,
      'Repair that. A submission is tried from time to time by itself, or at once with: clipmill resume.',
    );
  }
  if (pausedSince !== null) return warn('submission', 'paused by hand', 'Run: clipmill resume.');
  return ok('submission', 'is on');
}

function describe(limits: LimitsInForce): string {
  return `${count(limits.maxTasks)} tasks, ${count(limits.maxRequests)} requests in ${count(limits.windowMs / 1000)} s`;
}

function count(value: number): string {
  return value.toLocaleString('en');
}
