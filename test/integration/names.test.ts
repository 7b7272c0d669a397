import { describe, expect, it } from 'vitest';
import type { App } from '../../src/app.ts';
import { UserError } from '../../src/core/errors.ts';
import { expandJobs } from '../../src/jobs/stream.ts';
import { previewJobs } from '../../src/operations/preview.ts';
import { submitJobs } from '../../src/operations/submit.ts';
import { startHarness } from '../support/harness.ts';

const jobs = (batch: string, id: string, output: string) =>
  expandJobs([{ id, prompt: `${batch} ${id}`, output }], { batch });

/** Returns the error of a name, which must be the same in preview and submission; `undefined` if it is accepted. */
async function add(app: App, batch: string, id: string, output: string): Promise<string | undefined> {
  const told = async (work: Promise<unknown>) =>
    work.then(
      () => undefined,
      (error: unknown) => (error instanceof UserError ? error.message : Promise.reject(error as Error)),
    );
  const preview = await told(previewJobs(app, { batch }, jobs(batch, id, output)));
  const submission = await told(submitJobs(app, { batch }, jobs(batch, id, output)));
  expect(preview).toBe(submission);
  return submission;
}

describe('a name in the storage', () => {
  it.each([
    ['case', 'Spring/Waterfall.mp4', 'spring/waterfall.MP4'],
    ['composed accents', 'b/\u00e9.mp4', 'b/e\u0301.mp4'],
    ['ss for ß', 'b/straße.mp4', 'b/STRASSE.mp4'],
    ['a final sigma', 'b/ΟΔΟΣ.mp4', 'b/οδος.mp4'],
    ['a ligature', 'b/ﬁlm.mp4', 'b/film.mp4'],
  ])('belongs to one item in any spelling: %s', async (_, first, second) => {
    const { app } = await startHarness();
    expect(await add(app, 'one', 'a', first)).toBeUndefined();
    expect(await add(app, 'two', 'b', second)).toContain('belongs to one/a already');
  });

  it('is neither a folder of other clips nor inside a clip', async () => {
    const { app } = await startHarness();
    expect(await add(app, 'one', 'clip', 'x/clip')).toBeUndefined();
    expect(await add(app, 'two', 'a', 'x/clip/a.mp4')).toContain('needs a folder where one/clip has its clip');
    expect(await add(app, 'two', 'b', 'X')).toContain('is the folder of other clips');
    expect(await add(app, 'two', 'c', 'x/clip2')).toBeUndefined();
  });

  it('is free again when its batch is purged, as are its folders', async () => {
    const { app } = await startHarness();
    await add(app, 'one', 'a', 'x/y/É.mp4');
    await app.admin.cancel('one', ['a'], false);
    await app.admin.purge('one', 0);
    expect(await app.redis.hgetall(app.keys.outputs)).toEqual({});
    expect(await add(app, 'two', 'b', 'x')).toBeUndefined();
  });
});
