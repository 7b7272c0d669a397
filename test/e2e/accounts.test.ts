import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { createClipmill } from '../../src/index.ts';
import { startSimulator } from '../../src/simulator/start-simulator.ts';
import { workFolder } from '../support/cli.ts';
import { privateRedis } from '../support/private-redis.ts';

const SLOTS = 3;
const CLIPS = 12;

/** One account: its key, its prefix, its limits and its API. */
async function account(name: string, redisUrl: string, folder: string) {
  const apiKey = createHash('sha256').update(name).digest('hex');
  const simulator = await startSimulator({ apiKey, maxTasks: SLOTS, generationMs: { 5: [400, 500] } });
  onTestFinished(() => simulator.close());
  const harness = await createClipmill({
    settings: {
      APIXO_API_KEY: apiKey,
      APIXO_BASE_URL: simulator.url,
      REDIS_URL: redisUrl,
      CLIPMILL_PREFIX: name,
      CLIPMILL_STORAGE: `file:${join(folder, name)}`,
      CLIPMILL_MAX_TASKS: String(SLOTS),
      CLIPMILL_POLL_DELAY: '50ms',
      CLIPMILL_POLL_INTERVAL: '20ms',
    },
  });
  onTestFinished(() => harness.close());
  return { name, harness, simulator };
}

it('keeps limits, batches and clips of four accounts on two Redis servers apart', async () => {
  const folder = await workFolder();
  const servers = [await privateRedis(), await privateRedis()];
  const accounts = await Promise.all(
    ['north', 'east', 'south', 'west'].map((name, index) => account(name, servers[index % 2]?.url ?? '', folder)),
  );
  const prompts = (name: string) =>
    Array.from({ length: CLIPS }, (_, n) => ({ id: `clip-${n}`, prompt: `${name} ${n}` }));
  const ends = await Promise.all(
    accounts.map(async ({ name, harness }) => (await harness.submit('same-name', prompts(name))).ended()),
  );
  expect(ends.map(({ counts }) => counts.done)).toEqual(accounts.map(() => CLIPS));
  for (const { name, harness, simulator } of accounts) {
    const { tasks, refused } = simulator.records.summary();
    expect({ made: tasks.made, most: tasks.maxInFlight, refused: refused.concurrency + refused.key }).toEqual({
      made: CLIPS,
      most: SLOTS,
      refused: 0,
    });
    expect(simulator.records.tasks().every((task) => task.prompt.startsWith(name))).toBe(true);
    expect((await harness.status()).batches.map(({ batch }) => batch)).toEqual(['same-name']);
  }
});
