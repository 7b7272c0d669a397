import { randomUUID } from 'node:crypto';
import { inject, onTestFinished } from 'vitest';
import { loadConfig, type Config } from '../../src/config/config.ts';
import { silentLogger } from '../../src/log.ts';
import { publishLimits } from '../../src/limits/limits.ts';
import { openRuntime, type Runtime } from '../../src/runtime/runtime.ts';

/** What stands on Redis, in a namespace of its own, with the limits published as a worker would. */
export async function openLedger(
  env: Record<string, string> = {},
  redisUrl: string = inject('redisUrl'),
): Promise<Runtime> {
  const config: Config = loadConfig({ CLIPMILL_PREFIX: `t-${randomUUID()}`, ...env });
  const runtime = await openRuntime({ config, log: silentLogger(), redisUrl });
  await publishLimits(runtime.run, config);
  onTestFinished(() => runtime.close());
  return runtime;
}
