import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startSimulator } from '../../src/simulator/start-simulator.ts';
import { createClipmill, InputError, UserError } from '../../src/index.ts';
import { scaled, start, workFolder } from '../support/cli.ts';

const SPEED = 50;

async function simulated() {
  const simulator = await startSimulator({ speed: SPEED });
  onTestFinished(() => simulator.close());
  return { simulator, env: scaled(simulator.url, SPEED) };
}

describe('the library', () => {
  it('runs its example', async () => {
    const { simulator, env } = await simulated();
    const folder = await workFolder();
    const first = await start('examples/library.js', [], folder, env).finished;
    expect(first.err).toBe('');
    expect(first.out).toMatch(
      /^2 new, 0 existing\n2 of 2 done\nwaterfall done file:\S+\nfox done file:\S+\ngallery: file:/,
    );
    expect(first.code).toBe(0);
    const again = await start('examples/library.js', [], folder, env).finished;
    expect(again.out).toContain('0 new, 2 existing\n2 of 2 done');
    expect(simulator.records.summary().tasks.made).toBe(2);
  });

  it('reports batches, items, ends and mistakes', async () => {
    const { env } = await simulated();
    const folder = await workFolder();
    const settings = { ...env, CLIPMILL_STORAGE: `file:${join(folder, 'videos')}` };
    const clipmill = await createClipmill({ settings, home: join(folder, 'home') });
    onTestFinished(() => clipmill.close());
    const ends: string[] = [];
    const controller = new AbortController();
    const following = (async () => {
      for await (const { event } of clipmill.events({ after: '0', signal: controller.signal })) {
        if (event.type === 'item') ends.push(`${event.id} ${event.state}`);
        if (event.type === 'batch') controller.abort();
      }
    })();
    const batch = await clipmill.submit('b', [
      { id: 'good', prompt: 'a' },
      { id: 'bad', prompt: 'b [fail:NSFW]' },
    ]);
    expect(batch.submission).toEqual({ batch: 'b', added: 2, existing: 0, changed: [] });
    await following;
    const ended = await batch.ended();
    expect(ended.counts).toMatchObject({ total: 2, done: 1, failed: 1 });
    expect(ends.toSorted()).toEqual(['bad failed', 'good done']);
    expect(await batch.item('bad')).toMatchObject({ state: 'failed', code: 'NSFW' });
    expect(await batch.retry({ states: ['failed'] })).toBe(1);
    expect((await batch.ended()).counts).toMatchObject({ done: 1, failed: 1 });
    expect((await clipmill.status()).batches).toHaveLength(1);
    await access(join(folder, 'videos/b/good.mp4'));
    const wrong = clipmill.submit('b', [{ id: 'c', prompt: 'c', duration: 7 as 5 }]);
    await expect(wrong).rejects.toThrow(InputError);
    await expect(clipmill.batch('none')).rejects.toThrow('there is no batch "none"');
  });

  it('submits to other workers without working itself', async () => {
    const { simulator, env } = await simulated();
    const folder = await workFolder();
    const clipmill = await createClipmill({ settings: env, home: join(folder, 'home'), work: [] });
    onTestFinished(() => clipmill.close());
    await clipmill.submit('b', [{ prompt: 'a' }]);
    expect((await clipmill.status()).batches[0]?.counts).toMatchObject({ total: 1, queued: 1 });
    expect(simulator.records.summary().requests.total).toBe(0);
  });

  it('refuses unknown options, ends an empty batch, and keeps the jobs before a mistake', async () => {
    const { env } = await simulated();
    const folder = await workFolder();
    const settings = { ...env, CLIPMILL_MAX_ITEMS: '400', CLIPMILL_STORAGE: `file:${join(folder, 'videos')}` };
    const clipmill = await createClipmill({ settings, home: join(folder, 'home'), work: [] });
    onTestFinished(() => clipmill.close());
    const submit = (...args: unknown[]) => clipmill.submit(...(args as Parameters<typeof clipmill.submit>));

    await expect(submit('b', ['a'], { max_clips: 1 })).rejects.toMatchObject({ cure: 'Did you mean "maxClips"?' });
    for (const jobs of [undefined, 'a cat', { prompt: 'a' }]) {
      await expect(submit('b', jobs)).rejects.toThrow(UserError);
    }
    await expect(submit(7, ['a'])).rejects.toThrow('the first argument must be the name of the batch');
    await expect(createClipmill({ setting: {} } as object)).rejects.toMatchObject({ cure: 'Did you mean "settings"?' });

    const empty = await clipmill.submit('empty', []);
    expect((await empty.ended()).counts.total).toBe(0);
    expect((await clipmill.status()).batches).toEqual([]);

    const good = Array.from({ length: 300 }, (_, number) => `clip ${number}`);
    await expect(clipmill.submit('b', [...good, { duration: 10 }], { output: '{batch}/{index}' })).rejects.toThrow(
      'prompt: is required',
    );
    expect((await (await clipmill.batch('b')).status()).counts.total).toBe(300);
    const more = await clipmill.submit('b', ['another'], { output: '{batch}/{index}' });
    expect(more.submission.added).toBe(1);
    const outputs: string[] = [];
    for await (const item of more.items()) outputs.push(item.output);
    expect(outputs.slice(299)).toEqual(['b/300', 'b/301']);
    await expect(
      clipmill.submit(
        'many',
        Array.from({ length: 500 }, (_, number) => `x ${number}`),
      ),
    ).rejects.toThrow('more than 400 clips in one call');

    await clipmill.submit('money', ['a'], { maxClips: 5, source: 'nightly' });
    await clipmill.submit('money', ['b']);
    await expect(clipmill.submit('money', ['c'], { maxClips: 6 })).rejects.toThrow(
      'max_clips: is 6, but the batch "money" has a budget of 5 from nightly',
    );
    await clipmill.submit('money', ['c'], { maxClips: 6, source: 'nightly' });
    expect((await (await clipmill.batch('money')).status()).maxClips).toBe(6);
  });
});
