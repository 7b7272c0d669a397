import { randomUUID } from 'node:crypto';
import { startEmbeddedRedis } from '../src/redis/embedded/server.ts';
import { benchFolder } from './temp-folders.ts';
import { openApp, type App } from '../src/app.ts';
import { loadConfig } from '../src/config/config.ts';
import { silentLogger } from '../src/core/log.ts';
import type { Attempt } from '../src/ledger/attempt.ts';
import { createAttempts } from '../src/ledger/attempts.ts';
import { dispatch } from '../src/ledger/dispatch.ts';
import { INTAKE_PAGE, type NewItem } from '../src/ledger/intake.ts';
import { publishLimits } from '../src/ledger/limits.ts';

const BATCH = 'spring-campaign';

/** Returns an item as jobs files have it: a prompt of 150 characters, and a name in the folder of the batch. */
function item(index: number): NewItem {
  const number = String(index).padStart(7, '0');
  return {
    id: `clip-${number}`,
    index,
    priority: 100,
    provider: 'auto',
    output: `${BATCH}/clip-${number}.mp4`,
    input: {
      mode: 'text-to-video',
      prompt: `A ${number} metre long wooden ship crosses a calm sea at dawn, seen from above, slow dolly in, `
        .concat('warm light, photorealistic, a few gulls follow its wake')
        .slice(0, 150),
      duration: 5,
      sound: true,
      aspect_ratio: '16:9',
    },
  };
}

/** Returns the bytes of all keys, by the first part of their names. */
async function memoryByKind({ redis, keys }: App): Promise<Map<string, number>> {
  const bytes = new Map<string, number>();
  for await (const found of scan(redis, `${keys.prefix}*`)) {
    const pipeline = redis.pipeline();
    for (const key of found) pipeline.memory('USAGE', key, 'SAMPLES', 0);
    const replies = (await pipeline.exec()) ?? [];
    for (const [at, [, used]] of replies.entries()) {
      const kind = found[at]?.slice(keys.prefix.length).split(':')[0] ?? '';
      bytes.set(kind, (bytes.get(kind) ?? 0) + Number(used ?? 0));
    }
  }
  return bytes;
}

async function* scan(redis: App['redis'], match: string): AsyncGenerator<string[]> {
  for (let cursor = '0', first = true; first || cursor !== '0'; first = false) {
    const [next, found] = await redis.scan(cursor, 'MATCH', match, 'COUNT', 1_000);
    cursor = next;
    if (found.length > 0) yield found;
  }
}

function describe(bytes: ReadonlyMap<string, number>, items: number): string {
  const rows = [...bytes].map(([kind, used]) => [kind, used / items] as const).filter(([, used]) => used >= 0.5);
  const total = rows.reduce((sum, [, used]) => sum + used, 0);
  const parts = rows.toSorted(([, a], [, b]) => b - a).map(([kind, used]) => `${kind} ${used.toFixed(0)}`);
  return `${total.toFixed(0)} B (${parts.join(', ')})`;
}

/** Records attempts up to their clips, as workers do. @returns the attempts that were dispatched to the free slots */
async function finish(app: App, started: readonly Attempt[]): Promise<Attempt[]> {
  const next: Attempt[] = [];
  const attempts = createAttempts({ ...app, onDispatched: async (given) => void next.push(...given) });
  await Promise.all(
    started.map(async (attempt) => {
      await attempts.begin(attempt, randomUUID(), true);
      const taskId = `task_${randomUUID().replaceAll('-', '')}`;
      await attempts.accepted(attempt, { taskId, tasks: 1, kind: 'kling-2-6/5/auto' });
      await attempts.generated(attempt, ['https://cdn.example.com/v/x.mp4'], 55_000);
      await attempts.stored(attempt, {
        location: `file:///srv/videos/${BATCH}/${attempt.id}.mp4`,
        size: 5_242_880,
        sha256: 'f'.repeat(64),
      });
    }),
  );
  return next;
}

/**
 * Prints the memory of Redis per item, while it is queued and after its end: MEMORY USAGE of all keys. The event stream
 * keeps at most `eventsKept` entries, so its share falls in larger batches.
 */
export async function printRedisMemory(items: number): Promise<void> {
  const folder = await benchFolder();
  const redis = await startEmbeddedRedis(folder);
  const config = loadConfig({ REDIS_URL: redis.url, CLIPMILL_MAX_REQUESTS: '1000000' });
  const app = await openApp(config, { log: silentLogger() });
  try {
    await publishLimits(app.run, config);
    for (let start = 1; start <= items; start += INTAKE_PAGE) {
      const page = Array.from({ length: Math.min(INTAKE_PAGE, items - start + 1) }, (_, at) => item(start + at));
      await app.intake.add(BATCH, { model: 'kling-2-6' }, page, start + INTAKE_PAGE <= items);
    }
    console.log(`${items} queued items: ${describe(await memoryByKind(app), items)} each`);
    while ((await app.queries.batch(BATCH))?.endedAt === null) {
      let { attempts } = await dispatch(app.run, 200);
      while (attempts.length > 0) attempts = await finish(app, attempts);
    }
    await app.admin.trimEvents();
    console.log(`${items} done items: ${describe(await memoryByKind(app), items)} each`);
  } finally {
    await app.close();
    await redis.stop();
  }
}
