import { pino } from 'pino';
import { expect, it } from 'vitest';
import { clips, startMill } from '../support/mill.ts';
import { privateRedis } from '../support/private-redis.ts';
import { until } from '../support/until.ts';

it('names once each batch that Redis has forgotten while it was worked on, and works on what comes then', async () => {
  const { url } = await privateRedis();
  const lines: string[] = [];
  const log = pino({}, { write: (line: string) => void lines.push(line) });
  const mill = await startMill({ redisUrl: url, log, simulator: { generationMs: { 5: [60_000, 60_000] } } });
  await mill.work();
  await mill.add('lost', clips(3, 'lost'));
  await until(() => mill.simulator.records.summary().tasks.made >= 1, 'a task');

  await mill.app.redis.flushall();

  const named = () =>
    lines.filter((line) => line.includes('"batch":"lost"') && line.includes('has forgotten this batch'));
  await until(() => named().length > 0, 'the name of the batch');
  // The limits are back as well, so that a new batch is submitted.
  await mill.add('next', clips(1, 'next'));
  await until(() => mill.simulator.records.tasks().some(({ prompt }) => prompt.includes('of next')), 'the next batch');
  expect(named()).toHaveLength(1);
});
