import { randomUUID } from 'node:crypto';
import { request } from 'undici';
import type { App } from '../app.ts';
import { callbackUrl, PROBE_BATCH } from '../callbacks/path.ts';
import { CallbackSecrets } from '../callbacks/secrets.ts';
import { describeError, UserError } from '../core/errors.ts';
import { fail, ok, type Finding } from '../core/finding.ts';

/** Longest wait for the response, in milliseconds; the API itself waits 30 s. */
const TIMEOUT_MS = 15_000;

/** Listens for callbacks at the configured address. @throws UserError if another process uses the address */
export type OpenCallbackListener = (app: App) => Promise<{ close(): Promise<void> }>;

/**
 * Sends a callback to the public URL and checks that it arrives in Redis, through any proxy in between. This process
 * listens for it if no other process does.
 */
export async function checkCallbacks(app: App, openListener: OpenCallbackListener): Promise<Finding[]> {
  const { config, redis, keys } = app;
  if (config.callbackUrl === undefined) return [];
  const secrets = new CallbackSecrets(app);
  const listener = await openListener(app).catch((error: unknown) => {
    if (error instanceof UserError) return undefined;
    throw error;
  });
  try {
    const probe = { batch: PROBE_BATCH, id: randomUUID(), attempt: 1 };
    const url = callbackUrl(config.callbackUrl, probe, { prefix: config.prefix, secrets: await secrets.read() });
    const started = performance.now();
    const status = await send(url);
    const tookMs = Math.ceil(performance.now() - started);
    const arrived = (await redis.exists(keys.callbackProbe(probe.id))) === 1;
    return [judgeCallback(config.callbackUrl, status, arrived, tookMs)];
  } finally {
    secrets.stop();
    await listener?.close();
  }
}

/** @returns the HTTP status, or the reason why there is no response */
async function send(url: string): Promise<number | string> {
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const headers = { 'content-type': 'application/json' };
    const answer = await request(url, { method: 'POST', body: '{}', headers, signal });
    await answer.body.dump();
    return answer.statusCode;
  } catch (error) {
    return describeError(error);
  }
}

function judgeCallback(url: string, status: number | string, arrived: boolean, tookMs: number): Finding {
  if (status === 200 && arrived) return ok('callbacks', `one sent to ${url} arrived in ${tookMs} ms`);
  if (typeof status === 'string') {
    return fail(
      'callbacks',
      `${url} does not answer: ${status}`,
      'Start `clipmill serve`, or set CLIPMILL_CALLBACK_LISTEN and route the URL there; see docs/server.md.',
    );
  }
  if (status === 200) {
    return fail(
      'callbacks',
      `${url} answers 200, but the callback did not arrive in this Redis`,
      'Remove the challenge page or server that answers in front of clipmill, or set the same REDIS_URL for both.',
    );
  }
  if (status === 503)
    return fail(
      'callbacks',
      `${url}: clipmill answers, but cannot reach its Redis`,
      'Fix the REDIS_URL of that process.',
    );
  if (arrived) {
    return fail(
      'callbacks',
      `one sent to ${url} arrived, but was answered with ${status}, and the API accepts only 200`,
      'Configure the proxy to pass responses on unchanged.',
    );
  }
  return fail(
    'callbacks',
    `${url} answers ${status}, and the callback did not arrive`,
    'Configure the proxy to pass the path on unchanged, and set the same CLIPMILL_CALLBACK_SECRET and CLIPMILL_PREFIX for all processes.',
  );
}
