import { randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pLimit from 'p-limit';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { loadConfig } from '../../src/config/config.ts';
import { dispatch } from '../../src/ledger/dispatch.ts';
import { silentLogger } from '../../src/core/log.ts';
import { openApp } from '../../src/app.ts';
import { startSimulator } from '../../src/simulator/start-simulator.ts';
import { start, workFolder } from '../support/cli.ts';
import { ambiguousPoints, callbackPoints, faultPoints, type FaultPoint } from '../support/fault-points.ts';
import { freePort } from '../support/free-port.ts';
import { clip, clips } from '../support/harness.ts';
import { until } from '../support/until.ts';

const CLIPS = 12;
const MAX_TASKS = 5;
const BATCH = 'b';
/** How long the jobs of a killed worker stay locked, in milliseconds. */
const LOCK_MS = '3000';

/** Settings of an installation of its own, whose clips go below `folder`. */
function installation(apiUrl: string, folder: string) {
  return {
    APIXO_BASE_URL: apiUrl,
    REDIS_URL: inject('redisUrl'),
    CLIPMILL_PREFIX: `t-${randomUUID()}`,
    CLIPMILL_STORAGE: `file:${join(folder, 'videos')}`,
    CLIPMILL_LOG_LEVEL: 'warn',
  };
}

/** Kills a worker at a point, lets another take over, and returns what came of everything. */
async function killAndRecover(point: FaultPoint) {
  const simulator = await startSimulator({ generationMs: { 5: [200, 400] } });
  const folder = await workFolder();
  const env = {
    ...installation(simulator.url, folder),
    CLIPMILL_MAX_TASKS: String(MAX_TASKS),
    // How long the slots of held submissions stay taken.
    CLIPMILL_TASK_TIMEOUT: '5s',
    CLIPMILL_POLL_DELAY: '150ms',
    CLIPMILL_POLL_INTERVAL: '50ms',
    CLIPMILL_SIDECAR: 'true',
  };
  const app = await openApp(loadConfig(env), { log: silentLogger() });
  onTestFinished(async () => {
    await app.close();
    await simulator.close();
  });
  await app.intake.add(BATCH, { model: 'kling-2-6' }, clips(CLIPS), false);

  const victim = start('test/processes/faulty-worker.js', [], folder, {
    ...env,
    KILL_AT: point,
    KILL_NTH: '3',
    LOCK_MS,
  });
  await victim.finished;
  expect(victim.child.signalCode, `${point}: ${victim.err()}`).toBe('SIGKILL');

  const heir = start('workers/all.js', [], folder, env);
  const batch = await until(
    async () => {
      const found = await app.queries.batch(BATCH);
      return found?.endedAt === null ? undefined : found;
    },
    `the end of the batch after ${point}`,
    100_000,
  );
  heir.child.kill('SIGTERM');
  await heir.finished;
  return { simulator, app, folder, batch };
}

describe('a worker that is killed', () => {
  it('doubles nothing and loses nothing, at any point of its work', async () => {
    // Most of the time is waiting for the locks of the dead to end: several wait at once.
    const limit = pLimit(5);
    await limit.map(faultPoints, async (point) => {
      const { simulator, app, folder, batch } = await killAndRecover(point);
      const { counts } = batch;
      expect(counts.done + counts.held, `${point} ${JSON.stringify(counts)}`).toBe(CLIPS);
      // Those of the submissions under way whose POST may have left.
      expect(counts.held, point).toBeLessThanOrEqual(MAX_TASKS);
      if (ambiguousPoints.includes(point)) expect(counts.held, point).toBeGreaterThanOrEqual(1);

      const tasks = simulator.records.tasks();
      expect(new Set(tasks.map((task) => task.prompt)).size, point).toBe(tasks.length);
      const stored: string[] = [];
      for await (const item of app.queries.items(BATCH)) {
        if (item.state !== 'done') {
          expect(item, point).toMatchObject({ state: 'held', code: 'PROCESS_DIED' });
          continue;
        }
        stored.push(`${item.id}.json`, `${item.id}.mp4`);
        const bytes = await readFile(join(folder, 'videos', item.output));
        expect(bytes.length, point).toBe(item.size);
        expect(bytes.includes(String(item.task)), point).toBe(true);
      }
      const names = await readdir(join(folder, 'videos/clips'));
      expect(names.filter((name) => !name.startsWith('.')).toSorted(), point).toEqual(stored.toSorted());

      // Slots: none, once the tasks that held submissions may have made have run.
      await until(async () => {
        await dispatch(app.run, 0);
        return (await app.redis.zcard(app.keys.slots)) === 0;
      }, `the slots after ${point}`);
      expect(await app.redis.zcard(app.keys.live), point).toBe(0);
    });
  }, 180_000);

  it('loses no callback and no task, at any point of handling a callback', async () => {
    await Promise.all(
      callbackPoints.map(async (point) => {
        const lost = point.startsWith('lost-');
        const simulator = await startSimulator({
          // Refused callbacks come again after 0.75, 3 and 15 s.
          speed: 40,
          generationMs: { 5: [12_000, 24_000] },
        });
        const folder = await workFolder();
        const port = await freePort();
        const env = {
          ...installation(simulator.url, folder),
          // All are posted before the first callback comes.
          CLIPMILL_MAX_TASKS: String(CLIPS),
          // No fallback poll comes within the test.
          CLIPMILL_POLL_DELAY: '50s',
          CLIPMILL_CALLBACK_URL: `http://127.0.0.1:${port}`,
          CLIPMILL_CALLBACK_LISTEN: `127.0.0.1:${port}`,
        };
        const app = await openApp(loadConfig(env), { log: silentLogger() });
        onTestFinished(async () => {
          await app.close();
          await simulator.close();
        });
        // Every other answer is lost: ten in a row would halt the account.
        const items = clips(CLIPS).map((job, n) => (lost && n % 2 ? clip(job.id, `lost ${n} [lost]`) : job));
        await app.intake.add(BATCH, { model: 'kling-2-6' }, items, false);
        const victim = start('test/processes/faulty-worker.js', [], folder, {
          ...env,
          KILL_AT: point,
          KILL_NTH: '3',
          LOCK_MS,
        });
        await victim.finished;
        expect(victim.child.signalCode, `${point}: ${victim.err()}`).toBe('SIGKILL');

        start('workers/all.js', [], folder, env);
        // An item whose task was made comes back by its callback. An item that was never posted stays held: nothing shows that it was not.
        const done = async () => {
          const counts = (await app.queries.batch(BATCH))?.counts;
          return counts?.done === simulator.records.summary().tasks.made && counts.done + counts.held === CLIPS;
        };
        await until(done, `the ends of ${CLIPS} clips after ${point}`, 60_000);
        const { requests, tasks } = simulator.records.summary();
        expect(tasks.billed, point).toBe(tasks.made);
        expect(requests.create, point).toBe(tasks.made);
      }),
    );
  }, 120_000);
});
