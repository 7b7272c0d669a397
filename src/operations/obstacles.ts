import type { App } from '../app.ts';
import { formatDuration } from '../core/format.ts';

/** The shortest wait that is worth a word, in milliseconds. */
const SHORT_MS = 3_000;

/**
 * Returns in sentences why nothing is submitted or stored, each with what ends it: for people who watch a batch
 * that does not move. Empty when nothing is in the way.
 */
export async function readObstacles(app: Pick<App, 'account' | 'conditions'>): Promise<string[]> {
  const [account, conditions] = await Promise.all([app.account.read(), app.conditions.read()]);
  const obstacles: string[] = [];
  if (account.pausedSince !== null) obstacles.push('submission is paused; `clipmill resume` resumes it');
  if (account.halted) {
    const { reason, message } = account.halted;
    const waitMs = Math.max(0, (account.trialAt ?? 0) - Date.now());
    obstacles.push(
      `halted (${reason}): ${message}; tried again in ${formatDuration(waitMs)}, or at \`clipmill resume\``,
    );
  }
  const holdMs = Math.max(account.coolUntil ?? 0, account.heldUntil ?? 0) - Date.now();
  if (holdMs > SHORT_MS) {
    const what = (account.heldUntil ?? 0) > Date.now() ? 'requests wait' : 'submissions wait';
    obstacles.push(
      `${what} for ${formatDuration(holdMs)}, as the API asked for or because it fails; \`clipmill resume\` ends that`,
    );
  }
  return [...obstacles, ...conditions.map(({ message, cure }) => (cure ? `${message}. ${cure}` : message))];
}
