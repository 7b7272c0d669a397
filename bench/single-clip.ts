import { join } from 'node:path';
import { createClipmill } from '../src/index.ts';
import { startSimulator } from '../src/simulator/start-simulator.ts';
import { benchFolder } from './temp-folders.ts';

interface SingleClip {
  /** From the call of `submit` to the arrival of the POST, in milliseconds. */
  postMs: number;
  /** From the end of the task until the clip is stored, in milliseconds. */
  storedMs: number;
  pollIntervalMs: number;
}

/** Runs a batch of one clip in one process. */
async function runSingleClip(speed: number): Promise<SingleClip> {
  const folder = await benchFolder();
  const simulator = await startSimulator({ speed });
  const pollIntervalMs = 5_000 / speed;
  const clipmill = await createClipmill({
    home: join(folder, 'redis'),
    settings: {
      APIXO_BASE_URL: simulator.url,
      CLIPMILL_STORAGE: `file:${folder}`,
      CLIPMILL_REQUEST_WINDOW: `${60_000 / speed}ms`,
      CLIPMILL_POLL_DELAY: `${50_000 / speed}ms`,
      CLIPMILL_POLL_INTERVAL: `${pollIntervalMs}ms`,
    },
  });
  try {
    const submittedAt = Date.now();
    const batch = await clipmill.submit('single', [{ id: 'a', prompt: 'a clip' }]);
    const { endedAt } = await batch.ended();
    const [task] = simulator.records.tasks();
    const { unixBase } = simulator.records;
    return {
      postMs: (task?.createdAt ?? Number.NaN) + unixBase - submittedAt,
      storedMs: (endedAt ?? Number.NaN) - (task?.endsAt ?? Number.NaN) - unixBase,
      pollIntervalMs,
    };
  } finally {
    await clipmill.close();
    await simulator.close();
  }
}

/** Prints the latencies of a batch of one clip. */
export async function benchSingleClip(speed: number): Promise<void> {
  const { postMs, storedMs, pollIntervalMs } = await runSingleClip(speed);
  console.log(
    `one clip alone: POST ${Math.round(postMs)} ms after submission, stored ${Math.round(storedMs)} ms after its end ` +
      `(poll interval ${pollIntervalMs} ms)`,
  );
}
