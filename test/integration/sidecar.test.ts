import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sidecarName } from '../../src/worker/steps/sidecar.ts';
import { clip, startHarness } from '../support/harness.ts';

describe('sidecars', () => {
  it('describe every clip in a file of its own, before the clip is done', async () => {
    const harness = await startHarness({ env: { CLIPMILL_SIDECAR: 'true' } });
    const path = join(harness.folder, 'videos/clips/a.json');
    const tries: boolean[] = [];
    await harness.work({
      replace: ({ app }) => ({
        app: {
          ...app,
          attempts: {
            ...app.attempts,
            async stored(attempt, stored) {
              tries.push((await readFile(path, 'utf8')).includes(stored.sha256));
              // Simulates a crash at this point for the first attempt of this item.
              if (tries.length === 1) throw new Error('killed');
              return app.attempts.stored(attempt, stored);
            },
          },
        },
      }),
    });
    await harness.add('b', [clip('a')]);
    await harness.ended('b');
    expect(tries).toEqual([true, true]);
    const item = await harness.app.queries.item('b', 'a');
    const sidecar = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
    expect(sidecar).toMatchObject({
      batch: 'b',
      id: 'a',
      state: 'done',
      taskId: item?.task,
      attempts: 1,
      sha256: item?.sha256,
      size: item?.size,
      location: item?.location,
      input: item?.input,
    });
  });

  it('have the name of the clip', () => {
    expect(sidecarName('b/fox.mp4')).toBe('b/fox.json');
    expect(sidecarName('b/take.1')).toBe('b/take.1.json');
  });
});
