import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, it, onTestFinished, vi } from 'vitest';
import { writeNewFile } from '../../../../src/storage/file/new-file.ts';
import { SLOW_SYNC_MS, SyncMonitor } from '../../../../src/storage/file/sync-monitor.ts';

/** A monitor whose timers run when the test moves the clock. */
function monitored() {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
  onTestFinished(() => void vi.useRealTimers());
  const events: string[] = [];
  const listener = {
    slow: (ms: number) => events.push(`slow ${Math.round(ms)}`),
    recovered: () => events.push('recovered'),
  };
  return {
    monitor: new SyncMonitor(listener),
    events,
    advance: async (ms: number) => {
      await vi.advanceTimersByTimeAsync(ms);
    },
  };
}

function deferred() {
  let resolve = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve: () => resolve() };
}

const quick = () => Promise.resolve();

it('reports a slow sync while it is in progress, and that the disk has recovered once syncs are quick again', async () => {
  const { monitor, events, advance } = monitored();
  await monitor.run(quick);
  expect(events).toEqual([]);

  const hanging = deferred();
  const ended = monitor.run(() => hanging.promise);
  await advance(SLOW_SYNC_MS - 1_000);
  expect(events).toEqual([]);
  await advance(6_000);
  expect(events).toEqual(['slow 5000', 'slow 10000']);

  // A quick sync during a slow one, or right after it, does not mean that the disk has recovered.
  await monitor.run(quick);
  hanging.resolve();
  await ended;
  await turn();
  await monitor.run(quick);
  expect(events).toEqual(['slow 5000', 'slow 10000']);
  await advance(10_000);
  await monitor.run(quick);
  await monitor.run(quick);
  expect(events).toEqual(['slow 5000', 'slow 10000', 'recovered']);
});

it('throws errors of a sync, without a report', async () => {
  const { monitor, events, advance } = monitored();
  await expect(monitor.run(() => Promise.reject(new Error('EIO')))).rejects.toThrow('EIO');
  await advance(2 * SLOW_SYNC_MS);
  expect(events).toEqual([]);
});

it('measures the syncs of a new file', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'clipmill-sync-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const { monitor, events, advance } = monitored();
  const disk = deferred();
  const file = await open(join(folder, 'a.part'), 'wx');
  onTestFinished(() => file.close());
  const reached = deferred();
  const sync = file.sync.bind(file);
  file.sync = async () => {
    reached.resolve();
    await disk.promise;
    await sync();
  };
  async function* body() {
    yield Buffer.from('clip');
  }
  const written = writeNewFile(file, body(), monitor.run);
  await reached.promise;
  await advance(SLOW_SYNC_MS);
  expect(events).toEqual(['slow 5000']);
  disk.resolve();
  expect(await written).toBe(4);
});
