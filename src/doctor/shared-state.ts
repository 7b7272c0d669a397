import { formatCount } from '../core/format.ts';
import { ok, warn, fail, type Finding } from '../core/finding.ts';
import type { Installation } from '../ledger/installation.ts';
import type { Config } from '../config/config.ts';
import type { AccountState } from '../ledger/account.ts';
import type { LimitsInForce, Usage } from '../ledger/limits.ts';

/** Compares the key and the storage of this process with those recorded under the prefix. */
export async function judgeInstallation(
  installation: Pick<Installation, 'read'>,
  secret: string,
  place: string,
): Promise<Finding[]> {
  const { account, storage } = await installation.read(secret);
  const findings: Finding[] = [];
  if (account === 'other') {
    findings.push(
      warn(
        'key',
        'the prefix belongs to another API account or key: workers with this one do not start',
        'Set another CLIPMILL_PREFIX, or for a new key of the same account start once with --accept-new-key.',
      ),
    );
  } else if (account === 'same') findings.push(ok('key', 'matches the one recorded for this prefix'));
  if (storage !== undefined && storage !== place) {
    findings.push(
      warn(
        'storage',
        `clips of this prefix were stored in ${storage} so far, and would now go to ${place}`,
        'None needed if this is intended. Otherwise set the CLIPMILL_STORAGE of the other processes.',
      ),
    );
  }
  return findings;
}

/** Compares the limits of this process with those in force, which the worker that started last has published. */
export function judgeLimits(
  config: Pick<Config, 'maxTasks' | 'maxRequests' | 'requestWindowMs'>,
  inForce: LimitsInForce | undefined,
  usage: Usage,
): Finding {
  const own = { maxTasks: config.maxTasks, maxRequests: config.maxRequests, windowMs: config.requestWindowMs };
  const used = `${formatCount(usage.slots.used)} tasks in flight, ${formatCount(usage.requests.used)} requests in the window now`;
  if (!inForce) return ok('limits', `${describe(own)} by these settings; no worker has published any yet`);
  if (describe(own) === describe(inForce)) return ok('limits', `${describe(inForce)}; ${used}`);
  return warn(
    'limits',
    `${describe(inForce)} by the worker that started last, ${describe(own)} by these settings; ${used}`,
    'Give all machines the same CLIPMILL_MAX_TASKS, CLIPMILL_MAX_REQUESTS and CLIPMILL_REQUEST_WINDOW.',
  );
}

/** Judges whether the account submits: halts and pauses apply to all processes. */
export function judgeSubmission({ halted, pausedSince }: AccountState): Finding {
  if (halted) {
    return fail(
      'submission',
      `halted (${halted.reason}): ${halted.message}`,
      'Fix the cause. Trials follow automatically, or at once after `clipmill resume`.',
    );
  }
  if (pausedSince !== null) return warn('submission', 'paused by the user', 'Run `clipmill resume`.');
  return ok('submission', 'neither paused nor halted');
}

function describe(limits: LimitsInForce): string {
  return `${formatCount(limits.maxTasks)} tasks, ${formatCount(limits.maxRequests)} requests in ${formatCount(limits.windowMs / 1000)} s`;
}
