import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { clip, clips, startHarness } from '../support/harness.ts';

describe('the pipeline', () => {
  it('makes a complete clip of each item, exactly once', async () => {
    const harness = await startHarness();
    await harness.work();
    await harness.add('b', clips(30));
    const batch = await harness.ended('b');
    expect(batch.counts).toMatchObject({ total: 30, done: 30, failed: 0, held: 0 });
    expect(harness.simulator.records.summary()).toMatchObject({ requests: { create: 30 }, tasks: { billed: 30 } });
    for await (const item of harness.app.queries.items('b')) {
      const path = join(harness.folder, 'videos', item.output);
      expect((await stat(path)).size).toBe(item.size);
      const bytes = await readFile(path);
      expect(bytes.subarray(4, 8).toString()).toBe('ftyp');
      // The simulator writes each task's prompt into its clip: this is the clip that was asked for.
      expect(bytes.includes(`clip ${item.index} of clip"`)).toBe(true);
      expect(bytes.includes(String(item.task))).toBe(true);
    }
  });

  it('sends the input and the key as the API requires, and the key to no other host', async () => {
    const harness = await startHarness({ simulator: { apiKey: 'k-123' }, env: { APIXO_API_KEY: 'k-123' } });
    await harness.work();
    const input = {
      mode: 'image-to-video',
      prompt: 'waves',
      duration: 10,
      sound: false,
      image_urls: ['https://example.com/a.png'],
    };
    await harness.add('b', [clip('a', '', { input, provider: 'value' })]);
    await harness.ended('b');
    const [task] = harness.simulator.records.tasks();
    expect(task).toMatchObject({ provider: 'value', input });
    expect(harness.simulator.records.leaks).toEqual([]);
  });

  it('never exceeds the allowed tasks in flight', async () => {
    const harness = await startHarness({
      // Long enough that a busy machine fills all slots before the first task ends.
      simulator: { maxTasks: 5, generationMs: { 5: [300, 400] } },
      env: { CLIPMILL_MAX_TASKS: '5' },
    });
    await harness.work();
    await harness.add('b', clips(23));
    await harness.ended('b');
    const { tasks, refused } = harness.simulator.records.summary();
    expect(tasks).toMatchObject({ made: 23, maxInFlight: 5 });
    expect(refused).toMatchObject({ concurrency: 0, rate: 0 });
  });

  it('retries failures by their kind', async () => {
    const harness = await startHarness({ env: { CLIPMILL_MAX_ATTEMPTS: '3', CLIPMILL_TASK_TIMEOUT: '1s' } });
    await harness.work();
    await harness.add('b', [
      clip('permanent', 'a [fail:CONTENT_VIOLATION]'),
      clip('passing', 'b [fail:PROCESSING_TIMEOUT x1]'),
      clip('once', 'c [fail:InputOutputSensitiveContentDetected]'),
      clip('no-url', 'd [no-url x1]'),
    ]);
    const batch = await harness.ended('b');
    expect(batch.counts).toMatchObject({ done: 1, failed: 2, held: 1 });
    expect(batch.failures).toEqual({
      CONTENT_VIOLATION: 1,
      InputOutputSensitiveContentDetected: 1,
      NO_RESULT_URL: 1,
    });
    const tasksFor = (text: string) => harness.simulator.records.tasksFor(text).length;
    expect(tasksFor('a [fail:CONTENT_VIOLATION]')).toBe(1);
    expect(tasksFor('b [fail:PROCESSING_TIMEOUT x1]')).toBe(2);
    expect(tasksFor('c [fail:InputOutputSensitiveContentDetected]')).toBe(2);
    expect(tasksFor('d [no-url x1]')).toBe(1);
    const item = await harness.app.queries.item('b', 'passing');
    expect(item?.history).toMatchObject([{ attempt: 1, code: 'PROCESSING_TIMEOUT' }]);
  });

  it('fails rejected items, and retries refused ones', async () => {
    const harness = await startHarness();
    await harness.work();
    await harness.add('b', [
      clip('busy', 'a [http:503 x1]'),
      clip('slow', 'b [http:429 x1]'),
      clip('body', 'c [code:500 x1]'),
      clip('reset', 'd [http:400]'),
    ]);
    const batch = await harness.ended('b');
    expect(batch.counts).toMatchObject({ done: 3, failed: 1 });
    expect(batch.posted).toBe(3);
    expect(harness.simulator.records.summary().tasks.billed).toBe(3);
  });

  it('stores only the clip', async () => {
    const harness = await startHarness();
    await harness.work();
    await harness.add('b', [
      clip('html', 'a [file:html x1]'),
      clip('short', 'b [file:short x1]'),
      clip('gone', 'c [file:404 x1]'),
      clip('fault', 'd [file:500 x1]'),
      clip('chunked', 'e [file:chunked]'),
    ]);
    const batch = await harness.ended('b');
    expect(batch.counts).toMatchObject({ done: 5 });
    expect(harness.simulator.records.summary().tasks.billed).toBe(5);
    for await (const item of harness.app.queries.items('b')) {
      const bytes = await readFile(join(harness.folder, 'videos', item.output));
      expect(bytes.length).toBe(item.size);
      expect(bytes.includes(String(item.task))).toBe(true);
    }
  });
});
