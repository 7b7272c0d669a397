/**
 * A worker process that kills itself at a chosen point of its work, as the out-of-memory killer would:
 *
 *   KILL_AT=after-post KILL_NTH=3 node dist/test/processes/faulty-worker.js
 *
 * It takes callbacks where CLIPMILL_CALLBACK_LISTEN is set. LOCK_MS shortens the time until another takes over what it leaves behind.
 */
import { createAttempts } from '../../src/ledger/attempts.ts';
import { loadConfig } from '../../src/config/config.ts';
import { createLogger } from '../../src/core/log.ts';
import { openApp } from '../../src/app.ts';
import { queueNames } from '../../src/queue/queues.ts';
import { startServer } from '../../src/server/start-server.ts';
import { openRecords } from '../../src/worker/outcomes/submission-records.ts';
import { openResources } from '../../src/worker/resources.ts';
import { startWorkers } from '../../src/worker/start-workers.ts';
import type { FaultPoint } from '../support/fault-points.ts';

const killAt = process.env['KILL_AT'] as FaultPoint | undefined;
let left = Number(process.env['KILL_NTH'] ?? 1);

function reached(point: FaultPoint): void {
  if (point !== killAt) return;
  left -= 1;
  if (left > 0) return;
  process.kill(process.pid, 'SIGKILL');
  // The signal is delivered at once; nothing after this line may run.
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000);
}

/** Calls `method` between two points. */
function between<Args extends unknown[], Result>(
  before: FaultPoint | undefined,
  method: (...args: Args) => Promise<Result>,
  after: FaultPoint | undefined,
): (...args: Args) => Promise<Result> {
  return async (...args) => {
    if (before) reached(before);
    const result = await method(...args);
    if (after) reached(after);
    return result;
  };
}

const config = loadConfig(process.env);
const log = createLogger({ level: config.logLevel, secrets: [] });
const app = await openApp(config, { log, roles: queueNames });
const { queues } = app;
const attempts = createAttempts({
  ...app,
  onDispatched: between('before-next-enqueued', (given) => queues.submit(given), undefined),
});
const resources = openResources(config, log, app.conditions);
const { api, source, storage } = resources;

/** Sidecars alone; manifests are written by the same method. */
const putSidecar = between(undefined, storage.overwrite, 'after-sidecar');
const overwrite: typeof storage.overwrite = (name, ...rest) =>
  (name.endsWith('.json') ? putSidecar : storage.overwrite)(name, ...rest);

const records = await openRecords(app);

const lockMs = process.env['LOCK_MS'];
await startWorkers(
  {
    ...app,
    attempts: {
      ...attempts,
      generated: between(undefined, attempts.generated, 'after-end-recorded'),
      stored: between(undefined, attempts.stored, 'after-done-recorded'),
    },
    queues: {
      ...queues,
      poll: between(undefined, queues.poll, 'after-poll-enqueued'),
      download: between(undefined, queues.download, 'after-download-enqueued'),
    },
  },
  {
    resources: {
      ...resources,
      api: {
        ...api,
        generate: between('before-post', api.generate, 'after-post'),
        status: between('before-look', api.status, 'after-look'),
      },
      source: { ...source, open: between('before-fetch', source.open, 'after-first-bytes') },
      storage: { ...storage, put: between(undefined, storage.put, 'after-stored'), overwrite },
    },
    records: {
      ...records,
      attempts: {
        ...records.attempts,
        accepted: between(undefined, records.attempts.accepted, 'after-task-recorded'),
      },
    },
    ...(lockMs && { lockMs: Number(lockMs) }),
  },
);
if (config.callbackListen) {
  await startServer(
    {
      ...app,
      run: async (name, ...args) => {
        if (name === 'hint') reached('callback-arrived');
        const reply = await app.run(name, ...args);
        if (name !== 'hint') return reply;
        const kind = String(reply);
        if (kind.includes('wake')) reached('callback-recorded');
        if (kind.includes('taught')) reached('lost-task-recorded');
        return reply;
      },
      queues: {
        ...queues,
        wake: between(undefined, queues.wake, 'poll-woken'),
        // The receiver enqueues a poll for a task whose id it has just recorded, and no other.
        poll: between(undefined, queues.poll, 'lost-task-enqueued'),
      },
    },
    { listen: undefined },
  );
}
log.info('working');
