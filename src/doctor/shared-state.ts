import { ok, warn, fail, type Finding } from '../core/finding.ts';
import type { Installation } from '../ledger/installation.ts';
import type { Config } from '../config/config.ts';
import type { AccountState } from '../ledger/account.ts';
import type { LimitsInForce, Usage } from '../ledger/limits.ts';

/** Compares the key and the storage of these settings with those that the prefix remembers. */
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
  } else if (account === 'same') findings.push(ok('key', 'is the one that the prefix belongs to'));
  if (storage !== undefined && storage !== place) {
    findings.push(
      warn(
        'storage',
        `clips of this prefix went to ${storage} so far, and would now go to ${place}`,
        'Nothing, if that is meant; else set CLIPMILL_STORAGE as the other processes have it.',
      ),
    );
  }
  return findings;
}

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
