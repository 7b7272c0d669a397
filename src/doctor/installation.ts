import { ok, warn, type Finding } from '../core/finding.ts';
import type { Installation } from '../ledger/installation.ts';

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
