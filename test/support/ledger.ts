import { randomUUID } from 'node:crypto';
import { inject, onTestFinished } from 'vitest';
import { loadConfig, type Config } from '../../src/config/config.ts';
import type { Attempt } from '../../src/ledger/attempts.ts';
import { dispatch } from '../../src/ledger/dispatch.ts';
import { silentLogger } from '../../src/core/log.ts';
import { publishLimits } from '../../src/ledger/limits.ts';
import { openApp, type App } from '../../src/app.ts';
import { clips } from './harness.ts';

/** A ledger in a namespace of its own, with the limits published as a worker does. */
export async function openLedger(
  env: Record<string, string> = {},
  redisUrl: string = inject('redisUrl'),
): Promise<App> {
  const config: Config = loadConfig({ CLIPMILL_PREFIX: `t-${randomUUID()}`, REDIS_URL: redisUrl, ...env });
  const app = await openApp(config, { log: silentLogger() });
  await publishLimits(app.run, config);
  // Submissions have been accepted lately: no slow start.
  await app.redis.hset(app.keys.account, 'acceptedAt', Date.now());
  onTestFinished(() => app.close());
  return app;
}

/** The first attempt of the one item of batch `b`, which has its slot and waits for its permit to post. */
export async function oneAttempt({ intake, run }: App): Promise<Attempt> {
  await intake.add('b', { model: 'm' }, clips(1), false);
  const [attempt] = (await dispatch(run, 1)).attempts;
  if (!attempt) throw new Error('nothing dispatched');
  return attempt;
}
