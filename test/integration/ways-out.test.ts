import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cancelBatch } from '../../src/operations/cancel.ts';
import { retryItems } from '../../src/operations/retry.ts';
import { submitJobs } from '../../src/operations/submit.ts';
import type { Job } from '../../src/jobs/job.ts';
import { INTAKE_PAGE } from '../../src/ledger/intake.ts';
import { clip, clips, startHarness } from '../support/harness.ts';
import { override } from '../support/override.ts';
import { until } from '../support/until.ts';

/** Jobs as in a file. */
function jobsOf(count: number): Job[] {
  return Array.from({ length: count }, (_, n) => ({
    id: `clip-${n + 1}`,
    index: n + 1,
    provider: 'auto',
    input: { mode: 'text-to-video', prompt: `clip ${n + 1}`, duration: 5, sound: true, aspect_ratio: '1:1' },
    priority: 100,
    output: `clips/clip-${n + 1}.mp4`,
  }));
}

/** Held submissions release their slots soon, so that tests need not wait. */
const soon = { CLIPMILL_TASK_TIMEOUT: '2s' };

describe('an ambiguous submission', () => {
  it('is held, and posted again only on request of the user', async () => {
    const harness = await startHarness({ env: soon });
    await harness.add('b', [clip('a', 'a fox [lost x1]')]);
    await harness.work();
    expect((await harness.ended('b')).counts.held).toBe(1);
    expect(harness.simulator.records.summary().tasks.made).toBe(1);

    expect(await retryItems(harness.app, 'b', { states: ['held'] })).toBe(1);
    expect(await retryItems(harness.app, 'b', { states: ['held'] })).toBe(0);
    expect((await harness.ended('b')).counts.done).toBe(1);
    expect((await harness.app.queries.item('b', 'a'))?.history).toMatchObject([
      { attempt: 1, code: 'CONNECTION_LOST' },
    ]);
  });

  it('is posted again automatically with CLIPMILL_ON_AMBIGUOUS=resubmit', async () => {
    const harness = await startHarness({ env: { ...soon, CLIPMILL_ON_AMBIGUOUS: 'resubmit' } });
    await harness.add('b', [clip('a', 'a fox [lost x1]')]);
    await harness.work();
    expect((await harness.ended('b')).counts).toMatchObject({ done: 1, held: 0 });
    expect(harness.simulator.records.summary().tasks.made).toBe(2);
  });
});

describe('cancelling', () => {
  it('applies to items that a running submission still adds, and not to a later submission', async () => {
    const harness = await startHarness();
    const all = jobsOf(INTAKE_PAGE + 2);
    const jobs = async function* () {
      yield* all.slice(0, INTAKE_PAGE);
      // The batch is cancelled after the first page.
      await until(async () => (await harness.app.queries.batch('b'))?.counts.total === INTAKE_PAGE, 'the first page');
      await cancelBatch(harness.app, 'b', false);
      yield* all.slice(INTAKE_PAGE, -1);
    };
    await submitJobs(harness.app, { batch: 'b' }, jobs());
    await harness.work();
    expect((await harness.ended('b')).counts).toMatchObject({ total: INTAKE_PAGE + 1, cancelled: INTAKE_PAGE + 1 });
    expect(harness.simulator.records.summary().requests.create).toBe(0);
    await submitJobs(harness.app, { batch: 'b' }, all);
    expect((await harness.ended('b')).counts).toMatchObject({ done: 1, cancelled: INTAKE_PAGE + 1 });
  });

  it.each([
    ['stores the clips in progress', false, 3],
    ['discards the clips in progress on request', true, 0],
  ])('%s, however often it is repeated', async (_what, discard, stored) => {
    const harness = await startHarness({
      env: { CLIPMILL_MAX_TASKS: '3' },
      simulator: { generationMs: { 5: [600, 700] } },
    });
    await harness.add('b', clips(10));
    await harness.work();
    await until(async () => (await harness.app.queries.batch('b'))?.counts.generating === 3, 'three tasks');
    await cancelBatch(harness.app, 'b', discard);
    await cancelBatch(harness.app, 'b', discard);
    const { counts } = await harness.ended('b');
    expect(counts).toMatchObject({ total: 10, done: stored, cancelled: 10 - stored });
    expect(harness.simulator.records.summary().tasks.made).toBe(3);
    const files = await readdir(join(harness.folder, 'videos/clips')).catch(() => []);
    expect(files.filter((name) => name.endsWith('.mp4'))).toHaveLength(stored);
  });

  it('with --discard and then a retry stores the discarded clip without paying again', async () => {
    const harness = await startHarness({ simulator: { generationMs: { 5: [300, 400] } } });
    let [fetching, goOn] = [false, false];
    await harness.work({
      replace: ({ resources }) => ({
        resources: {
          ...resources,
          source: override(resources.source, {
            async open(url, signal) {
              fetching = true;
              await until(() => goOn, 'the test to release it');
              return resources.source.open(url, signal);
            },
          }),
        },
      }),
    });
    const state = async (id: string) => (await harness.app.queries.item('b', id))?.state;
    await harness.add('b', [clip('fetched')]);
    await until(() => fetching, 'the download');
    await harness.add('b', [clip('made', 'another', { index: 2 })]);
    await until(async () => (await state('made')) === 'generating', 'the second task');
    await cancelBatch(harness.app, 'b', true);
    expect((await harness.ended('b')).counts).toMatchObject({ cancelled: 2 });

    expect(await retryItems(harness.app, 'b', { states: ['cancelled'] })).toBe(2);
    // The download in progress is of the same task, so its clip is valid.
    await until(async () => (await state('fetched')) === 'downloading', 'the second poll');
    goOn = true;
    expect((await harness.ended('b')).counts).toMatchObject({ done: 2, cancelled: 0 });
    expect(harness.simulator.records.summary()).toMatchObject({
      requests: { create: 2 },
      tasks: { made: 2, billed: 2 },
    });
    for (const id of ['fetched', 'made']) {
      const item = await harness.app.queries.item('b', id);
      expect(item).toMatchObject({ attempt: 1, history: [] });
      expect((await readFile(join(harness.folder, 'videos/clips', `${id}.mp4`))).includes(String(item?.task))).toBe(
        true,
      );
    }
  });
});
