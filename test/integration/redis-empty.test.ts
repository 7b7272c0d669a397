import { pino } from 'pino';
import { expect, it } from 'vitest';
import { clips, startHarness } from '../support/harness.ts';
import { privateRedis } from '../support/private-redis.ts';
import { until } from '../support/until.ts';

it('reports each lost batch once, and works on later ones', async () => {
  const { url } = await privateRedis();
  const lines: string[] = [];
  const log = pino({}, { write: (line: string) => void lines.push(line) });
  const harness = await startHarness({ redisUrl: url, log, simulator: { generationMs: { 5: [60_000, 60_000] } } });
  await harness.work();
  await harness.add('lost', clips(3, 'lost'));
  await until(() => harness.simulator.records.summary().tasks.made >= 1, 'a task');

  await harness.app.redis.flushall();

  const named = () => lines.filter((line) => line.includes('"batch":"lost"') && line.includes('has lost this batch'));
  await until(() => named().length > 0, 'the name of the batch');
  // The limits are back as well, so that a new batch is submitted.
  await harness.add('next', clips(1, 'next'));
  await until(
    () => harness.simulator.records.tasks().some(({ prompt }) => prompt.includes('of next')),
    'the next batch',
  );
  expect(named()).toHaveLength(1);
});
