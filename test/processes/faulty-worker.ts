/**
 * A worker process that kills itself at a chosen point of its work, as the out-of-memory killer would:
 *
 *   KILL_AT=after-post KILL_NTH=3 node dist/test/processes/faulty-worker.js
 *
 * LOCK_MS shortens the time until another takes over what it leaves behind.
 */
import { createAttempts } from '../../src/ledger/attempts.ts';
import { loadConfig } from '../../src/config/config.ts';
import { createLogger } from '../../src/core/log.ts';
import { openApp } from '../../src/app.ts';
import { startWorkers, type StepDeps } from '../../src/worker/start.ts';
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

function decorate({ submit, poll, download }: StepDeps): StepDeps {
  return {
    submit: {
      ...submit,
      api: { generate: between('before-post', submit.api.generate, 'after-post') },
      attempts: { ...submit.attempts, accepted: between(undefined, submit.attempts.accepted, 'after-task-recorded') },
      queues: { ...submit.queues, poll: between(undefined, submit.queues.poll, 'after-poll-enqueued') },
    },
    poll: {
      ...poll,
      api: { status: between('before-look', poll.api.status, 'after-look') },
      attempts: { ...poll.attempts, generated: between(undefined, poll.attempts.generated, 'after-end-recorded') },
      queues: { download: between(undefined, poll.queues.download, 'after-download-enqueued') },
    },
    download: {
      ...download,
      source: { open: between('before-fetch', download.source.open, 'after-first-bytes') },
      storage: { ...download.storage, put: between(undefined, download.storage.put, 'after-stored') },
      writeSidecar: download.writeSidecar && between(undefined, download.writeSidecar, 'after-sidecar'),
      attempts: { ...download.attempts, stored: between(undefined, download.attempts.stored, 'after-done-recorded') },
    },
  };
}

const config = loadConfig(process.env);
const log = createLogger({ level: config.logLevel, secrets: [] });
const app = await openApp({ config, log, redisUrl: config.redisUrl ?? '', patient: true });
const attempts = createAttempts({
  ...app,
  onDispatched: between('before-next-enqueued', (given) => app.queues.submit(given), undefined),
});
const lockMs = process.env['LOCK_MS'];
await startWorkers({ ...app, attempts }, { decorate, ...(lockMs && { lockMs: Number(lockMs) }) });
log.info('working');
