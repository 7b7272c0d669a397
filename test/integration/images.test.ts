import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { imageUploads } from '../../src/operations/upload-images.ts';
import { submitJobs } from '../../src/operations/submit.ts';
import { ApixoError } from '../../src/apixo/errors.ts';
import { InputError, UserError } from '../../src/core/errors.ts';
import { expandJobs } from '../../src/jobs/stream.ts';
import type { JobInput } from '../../src/jobs/job.ts';
import { createLogger } from '../../src/core/log.ts';
import type { InputStore } from '../../src/storage/storage.ts';
import { images } from '../support/images.ts';
import { override } from '../support/override.ts';
import { startHarness, type Harness, type HarnessOptions } from '../support/harness.ts';

const SIGNATURE = 'c0ffee0123456789';

/** A store that records uploads and signs like S3. */
class Store implements InputStore {
  readonly puts: string[] = [];
  readonly seconds: number[] = [];
  /** Number of times that signing fails. */
  failures = 0;

  async put(sha256: string, extension: string, contentType: string): Promise<void> {
    this.puts.push(`${sha256}.${extension} ${contentType}`);
  }

  async url(sha256: string, extension: string, seconds: number): Promise<string> {
    this.seconds.push(seconds);
    if (this.failures-- > 0) throw new Error('credentials are out of reach');
    return `https://bucket.example/inputs/${sha256}.${extension}?X-Amz-Expires=${seconds}&X-Amz-Signature=${SIGNATURE}`;
  }
}

async function millWithImages(options: HarnessOptions = {}) {
  const harness = await startHarness(options);
  await writeFile(join(harness.folder, 'a.png'), images.png());
  await writeFile(join(harness.folder, 'same.png'), images.png());
  await writeFile(join(harness.folder, 'b.jpg'), images.jpg());
  const store = new Store();
  const submit = (jobs: JobInput[], inputs: InputStore | undefined = store) =>
    submitJobs(harness.app, { batch: 'b' }, expandJobs(jobs, { batch: 'b' }, { folder: harness.folder }), {
      upload: imageUploads(() => inputs),
    });
  return { harness, store, submit };
}

const fromFile = (id: string, ...image_files: string[]): JobInput => ({
  id,
  mode: 'image-to-video',
  prompt: `waves ${id}`,
  image_files,
});

/** Returns everything in Redis under the prefix, as text. */
async function redisText({ app: { redis, keys } }: Harness): Promise<string> {
  const texts: unknown[] = [];
  for (const key of await redis.keys(`${keys.prefix}*`)) {
    const type = await redis.type(key);
    if (type === 'hash') texts.push(await redis.hgetall(key));
    else if (type === 'string') texts.push(await redis.get(key));
    else if (type === 'stream') texts.push(await redis.xrange(key, '-', '+'));
    else if (type === 'zset') texts.push(await redis.zrange(key, '0', '-1'));
    else if (type === 'list') texts.push(await redis.lrange(key, '0', '-1'));
  }
  return JSON.stringify(texts);
}

describe('local images', () => {
  it('are stored once, and sent to the API as URLs that are recorded nowhere', async () => {
    const lines: string[] = [];
    const log = createLogger({ level: 'trace', secrets: [], destination: { write: (line) => void lines.push(line) } });
    const { harness, store, submit } = await millWithImages({ log, env: { CLIPMILL_TASK_TIMEOUT: '2h' } });
    await submit([fromFile('one', 'a.png'), fromFile('two', 'same.png', 'b.jpg')]);
    expect(store.puts.map((put) => put.slice(64)).toSorted()).toEqual(['.jpg image/jpeg', '.png image/png']);
    const generate: string[] = [];
    await harness.work({
      replace: ({ resources }) => ({
        resources: {
          ...resources,
          storage: override(resources.storage, { inputs: store }),
          api: override(resources.api, {
            async generate(model, request) {
              generate.push(JSON.stringify(request.input));
              if (generate.length > 1) return resources.api.generate(model, request);
              const [url] = (request.input as { image_urls: string[] }).image_urls;
              throw new ApixoError('ambiguous', 'HTTP_502', `cannot fetch ${url}`);
            },
          }),
        },
      }),
    });
    const batch = await harness.ended('b');
    expect(batch.counts).toMatchObject({ done: 1, held: 1 });
    const [task] = harness.simulator.records.tasks();
    expect(JSON.stringify(task?.input)).toContain(`X-Amz-Signature=${SIGNATURE}`);
    expect(JSON.stringify(task?.input)).not.toContain('image_files');
    // Two hours for the task, and ten minutes for clock skew.
    expect(new Set(store.seconds)).toEqual(new Set([7_800]));
    expect(generate).toHaveLength(2);
    expect(await redisText(harness)).toContain('cannot fetch https://bucket.example/');
    expect(await redisText(harness)).not.toContain(SIGNATURE);
    expect(lines.join('')).toContain('ambiguous submission');
    expect(lines.join('')).not.toContain(SIGNATURE);

    // Submitting the same file again uploads nothing: its images are not needed.
    expect(await submit([fromFile('one', 'a.png')])).toMatchObject({ added: 0, existing: 1, changed: [] });
    expect(store.puts).toHaveLength(2);
  });

  it('stay queued and unpaid while no URL can be signed', async () => {
    const { harness, store, submit } = await millWithImages();
    store.failures = 1;
    await submit([fromFile('one', 'a.png')]);
    await harness.work({
      replace: ({ resources }) => ({
        resources: { ...resources, storage: override(resources.storage, { inputs: store }) },
      }),
    });
    const batch = await harness.ended('b');
    expect(batch).toMatchObject({ counts: { done: 1 }, posted: 1 });
    expect(store.seconds).toHaveLength(2);
    expect(harness.simulator.records.summary().requests.create).toBe(1);
  });

  it('are not submitted if they changed in the meantime or cannot be stored', async () => {
    const { harness, submit, store } = await millWithImages();
    const none = imageUploads(() => undefined);
    const jobs = expandJobs([fromFile('one', 'a.png')], { batch: 'b' }, { folder: harness.folder });
    await expect(submitJobs(harness.app, { batch: 'b' }, jobs, { upload: none })).rejects.toThrow(UserError);
    const changing = expandJobs([fromFile('two', 'b.jpg')], { batch: 'b' }, { folder: harness.folder });
    const upload = imageUploads(() => store);
    const late = async (list: Parameters<typeof upload>[0]) => {
      await writeFile(join(harness.folder, 'b.jpg'), images.jpg('other'));
      await upload(list);
    };
    const changed = submitJobs(harness.app, { batch: 'b' }, changing, { upload: late });
    await expect(changed).rejects.toThrow(InputError);
    await expect(changed).rejects.toThrow('job two: image_files: ');
    expect(store.puts).toEqual([]);
    expect(await harness.app.queries.item('b', 'two')).toBeUndefined();
    expect(await submit([fromFile('two', 'b.jpg')])).toMatchObject({ added: 1 });
  });
});
