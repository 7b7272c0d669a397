import { SettingsError, type Config } from '../../config/config.ts';
import type { RunningServer } from '../../server/start.ts';

/** @throws SettingsError when callbacks are asked for that no process could take: the Redis of `run` is its own */
export function requireCallbackListener({ callbackUrl, callbackListen, listen, redisUrl }: Config): void {
  if (callbackUrl === undefined || redisUrl !== undefined || callbackListen || listen) return;
  throw new SettingsError('CLIPMILL_CALLBACK_URL is set, and this process does not listen for callbacks', {
    cure: 'Set CLIPMILL_CALLBACK_LISTEN=127.0.0.1:8788 and lead the URL there, or unset CLIPMILL_CALLBACK_URL.',
  });
}

/** Where this process listens and what the API calls, a line each. */
export function describeListeners(urls: RunningServer['urls'], { callbackUrl }: Config): string[] {
  const lines: string[] = [];
  if (callbackUrl !== undefined) {
    const where = urls.callbacks ?? '`clipmill serve`, which has to run on the same Redis';
    lines.push(`callbacks: the API calls ${callbackUrl}/cb/…, taken at ${where}`);
  }
  if (urls.server !== undefined) lines.push(`health and metrics: ${urls.server}`);
  if (urls.metrics !== undefined) lines.push(`metrics: ${urls.metrics}/metrics`);
  return lines;
}
