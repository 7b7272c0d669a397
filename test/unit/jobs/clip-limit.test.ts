import { expect, it, vi } from 'vitest';
import { open, wrong } from './support.ts';

vi.mock('../../../src/jobs/limits.ts', async (original: () => Promise<object>) => ({
  ...(await original()),
  MAX_CLIPS_PER_FILE: 2_500,
}));

it('a file of too many clips is refused at the job that is one too many', async () => {
  const jobs = Array.from({ length: 4 }, (_, number) => `- {id: n${number}, prompt: x, copies: 1000}\n`);
  expect((await open('jobs.yaml', jobs.slice(0, 2).join(''))).totals.clips).toBe(2_000);
  expect(await wrong('jobs.yaml', jobs.join(''))).toEqual([
    'jobs.yaml:3:3: job n2: with this job the file has more than 2,500 clips: split it',
  ]);
});
