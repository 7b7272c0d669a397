import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { access, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openRedis } from '../../src/redis/connect.ts';
import { joinEmbeddedRedis, startEmbeddedRedis } from '../../src/redis/embedded/server.ts';
import { FolderInUse, lockFolder } from '../../src/redis/embedded/folder-lock.ts';
import { workFolder } from '../support/cli.ts';
import { until } from '../support/until.ts';

function connect(url: string) {
  const redis = openRedis(url, { name: 'test', patient: false });
  onTestFinished(() => redis.disconnect());
  return redis;
}

/** Another process that starts the private Redis of a folder and prints a line then. */
async function holder(folder: string): Promise<{ child: ChildProcess; url: string }> {
  const script = join(await workFolder(), 'holder.mjs');
  const embedded = new URL('../../dist/src/redis/embedded/server.js', import.meta.url).href;
  await writeFile(
    script,
    `import { startEmbeddedRedis } from '${embedded}';
     const redis = await startEmbeddedRedis(process.argv[2]);
     process.send(redis.url);
     setInterval(() => {}, 1000);`,
  );
  const child = fork(script, [folder]);
  onTestFinished(() => void child.kill('SIGKILL'));
  const [url] = (await once(child, 'message')) as [string];
  return { child, url };
}

async function isGone(pid: number): Promise<boolean> {
  return access(`/proc/${pid}`).then(
    () => false,
    () => true,
  );
}

async function serverPid(url: string): Promise<number> {
  return Number(/process_id:(\d+)/.exec(await connect(url).info('server'))?.[1]);
}

describe('the private Redis', () => {
  it('keeps everything, evicts nothing, and listens only on its socket', async () => {
    const redis = await startEmbeddedRedis(join(await workFolder(), '.clipmill'));
    onTestFinished(() => redis.stop());
    const client = connect(redis.url);
    expect(await client.config('GET', 'appendonly')).toContain('yes');
    expect(await client.config('GET', 'maxmemory-policy')).toContain('noeviction');
    expect(await client.config('GET', 'port')).toContain('0');
  });

  it('keeps its data after a stop', async () => {
    const folder = join(await workFolder(), '.clipmill');
    const first = await startEmbeddedRedis(folder);
    await connect(first.url).set('a', '1');
    await first.stop();
    const second = await startEmbeddedRedis(folder);
    onTestFinished(() => second.stop());
    expect(await connect(second.url).get('a')).toBe('1');
  });

  it('ends with a killed process, and the next one finds all data', async () => {
    const folder = join(await workFolder(), '.clipmill');
    const { child, url } = await holder(folder);
    const pid = await serverPid(url);
    await connect(url).set('a', '1');
    child.kill('SIGKILL');
    // At once, while the old server may still be there.
    const next = await startEmbeddedRedis(folder);
    onTestFinished(() => next.stop());
    await until(() => isGone(pid), 'the old server to end');
    expect(await connect(next.url).get('a')).toBe('1');
  });

  it('refuses a second process, but not one that only reads', async () => {
    const folder = join(await workFolder(), '.clipmill');
    const { child, url } = await holder(folder);
    await expect(startEmbeddedRedis(folder)).rejects.toThrow(`is in use by another clipmill (process ${child.pid})`);
    await connect(url).set('a', '1');
    const joined = await joinEmbeddedRedis(folder);
    expect(await connect(joined?.url ?? '').get('a')).toBe('1');
    await joined?.stop();
    expect(await connect(url).ping()).toBe('PONG');
  });

  it('works in a folder whose path is too long for a socket', async () => {
    const folder = join(await workFolder(), 'x'.repeat(100), 'y'.repeat(100), '.clipmill');
    const redis = await startEmbeddedRedis(folder);
    onTestFinished(() => redis.stop());
    expect(await connect(redis.url).ping()).toBe('PONG');
    await expect(startEmbeddedRedis(folder)).rejects.toThrow('is in use');
  });

  it('is absent where nothing has run', async () => {
    expect(await joinEmbeddedRedis(join(await workFolder(), 'none'))).toBeUndefined();
  });
});

describe('the lock of a folder', () => {
  it('is held by one of many concurrent processes, and free afterwards', async () => {
    const folder = await workFolder();
    for (let round = 0; round < 5; round += 1) {
      const tries = await Promise.allSettled(Array.from({ length: 10 }, () => lockFolder(folder)));
      const held = tries.filter((result) => result.status === 'fulfilled');
      expect(held.length).toBeLessThanOrEqual(1);
      for (const result of tries) {
        if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(FolderInUse);
      }
      for (const result of held) result.value();
      await until(async () => {
        const free = await lockFolder(folder).catch(() => undefined);
        free?.();
        return free !== undefined;
      }, 'the lock to be free');
    }
    expect((await readdir(folder)).length).toBeLessThanOrEqual(1);
  });
});
