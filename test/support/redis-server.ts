import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { startEmbeddedRedis } from '../../src/redis/embedded/server.ts';

declare module 'vitest' {
  interface ProvidedContext {
    redisUrl: string;
  }
}

/** One private Redis for the whole run; tests keep apart by their prefixes. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'clipmill-test-'));
  const redis = await startEmbeddedRedis(folder, 'everysec');
  project.provide('redisUrl', redis.url);
  return async () => {
    await redis.stop();
    await rm(folder, { recursive: true, force: true });
  };
}
