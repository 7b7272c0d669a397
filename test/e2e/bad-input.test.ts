import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startSimulator, type Simulator } from '../../src/simulator/start-simulator.ts';
import { clipmill, scaled, workFolder } from '../support/cli.ts';
import { images } from '../support/images.ts';

/** Invalid input, with the start of the line that reports it. */
const files: [what: string, name: string, text: string, line: string][] = [
  ['a file that is not there', 'none.yaml', '', 'error: none.yaml: '],
  ['an empty file', 'x.yaml', '\n', 'error: x.yaml'],
  ['invalid YAML', 'x.yaml', 'jobs:\n  - prompt: "a\n', 'error: x.yaml:2:13: '],
  ['a broken CSV row', 'x.csv', 'id,prompt\na,b,c\n', 'error: x.csv:2:'],
  ['an unknown field', 'x.yaml', 'jobs:\n  - promt: a\n', 'error: x.yaml:2:5: job #1: promt: unknown field'],
  [
    'a wrong type',
    'x.yaml',
    'jobs:\n  - {prompt: a, sound: maybe}\n',
    'error: x.yaml:2:24: job #1: sound: must be true or false',
  ],
  [
    'a wrong value',
    'x.yaml',
    'jobs:\n  - {prompt: a, duration: 7}\n',
    'error: x.yaml:2:27: job #1: duration: must be 5 or 10',
  ],
  [
    'a missing image',
    'x.yaml',
    'jobs:\n  - {id: i, prompt: a, mode: image-to-video}\n',
    'error: x.yaml:2:5: job i: image_urls: ',
  ],
  [
    'an image file that is not there',
    'x.yaml',
    'jobs:\n  - {id: i, prompt: a, mode: image-to-video, image_files: [none.png]}\n',
    'error: x.yaml:2:60: job i: image_files[0]: `none.png`: there is no such file',
  ],
  [
    'an image file that is no image',
    'x.yaml',
    'jobs:\n  - {id: i, prompt: a, mode: image-to-video, image_files: [x.yaml]}\n',
    'error: x.yaml:2:60: job i: image_files[0]: `x.yaml`: is not a JPG, PNG or WebP image',
  ],
  [
    'an aspect ratio for image-to-video',
    'x.yaml',
    'jobs:\n  - {prompt: a, mode: image-to-video, image_urls: [https://e.com/a.png], aspect_ratio: "1:1"}\n',
    'error: x.yaml:2:',
  ],
  [
    'a prompt that is too long',
    'x.yaml',
    `jobs:\n  - prompt: ${'x'.repeat(1001)}\n`,
    'error: x.yaml:2:13: job #1: prompt: has 1001 characters',
  ],
  [
    'two jobs with one id',
    'x.yaml',
    'jobs:\n  - {id: a, prompt: a}\n  - {id: a, prompt: b}\n',
    'error: x.yaml:3:10: job a: id: ',
  ],
  [
    'two clips with one name',
    'x.yaml',
    'output: same.mp4\njobs:\n  - {id: a, prompt: a}\n  - {id: b, prompt: b}\n',
    'error: x.yaml:',
  ],
  [
    'an id that leaves the storage',
    'x.yaml',
    'jobs:\n  - {id: ../../etc, prompt: a}\n',
    'error: x.yaml:2:10: job ../../etc: id: ',
  ],
  [
    'a name that leaves the storage',
    'x.yaml',
    'output: ../{id}.mp4\njobs:\n  - {id: a, prompt: a}\n',
    'error: x.yaml:',
  ],
  [
    'a variable that does not exist',
    'x.yaml',
    'jobs:\n  - prompt: a {animal}\n',
    'error: x.yaml:2:13: job #1: prompt: ',
  ],
  [
    'an alias bomb',
    'x.yaml',
    `x-a: &a [1,1,1,1,1,1,1,1,1,1]\n${'bcdefgh'
      .split('')
      .map((name, n) => `x-${name}: &${name} [${Array(10).fill(`*${'abcdefg'[n]}`).join(',')}]\n`)
      .join('')}jobs:\n  - prompt: *h\n`,
    'error: x.yaml:',
  ],
];

const environments: [what: string, env: Record<string, string>, line: string][] = [
  [
    'a setting that is no number',
    { CLIPMILL_MAX_TASKS: 'many' },
    'error: CLIPMILL_MAX_TASKS=many: must be a whole number',
  ],
  [
    'a storage of an unknown scheme',
    { CLIPMILL_STORAGE: 'gs://bucket' },
    'error: CLIPMILL_STORAGE=gs://bucket: must be file:',
  ],
  ['no API key', { APIXO_BASE_URL: 'https://api.apixo.ai' }, 'error: APIXO_API_KEY is not set'],
  [
    'Redis out of reach',
    { REDIS_URL: 'redis://:pass@127.0.0.1:1' },
    'error: cannot reach Redis at redis://:********@127.0.0.1:1',
  ],
];

async function nothing(): Promise<{ simulator: Simulator; env: Record<string, string> }> {
  const simulator = await startSimulator({ speed: 50 });
  onTestFinished(() => simulator.close());
  return { simulator, env: scaled(simulator.url, 50) };
}

describe('bad input', () => {
  it.each(files)('refuses %s with exit code 2, and sends and stores nothing', async (_what, name, text, line) => {
    const { simulator, env } = await nothing();
    const folder = await workFolder(name === 'none.yaml' ? {} : { [name]: text });
    const before = await readdir(folder);
    const { code, out, err } = await clipmill(['run', name], folder, env).finished;
    expect(err.startsWith(line), err).toBe(true);
    expect(err).not.toMatch(/\n\s+at /);
    expect(out).toBe('');
    expect(code).toBe(2);
    expect(await readdir(folder)).toEqual(before);
    expect(simulator.records.summary().requests.total).toBe(0);
  });

  it.each(environments)('refuses %s with exit code 2 and a cure', async (_what, extra, line) => {
    const { simulator, env } = await nothing();
    const folder = await workFolder({ 'x.yaml': 'jobs:\n  - prompt: a\n' });
    const { code, err } = await clipmill(['run', 'x.yaml'], folder, { ...env, ...extra }).finished;
    expect(err.startsWith(line), err).toBe(true);
    expect(err).toMatch(/\n {2}\S/);
    expect(err).not.toMatch(/\n\s+at /);
    expect(code).toBe(2);
    expect(simulator.records.summary().requests.total).toBe(0);
  });

  it.each([['validate'], ['submit'], ['run']])(
    'image files without S3 storage: %s says what to set',
    async (command) => {
      const { simulator, env } = await nothing();
      const job = '{prompt: a, mode: image-to-video, image_files: [shots/a.png]}';
      const folder = await workFolder({ 'x.yaml': `jobs:\n  - ${job}\n` });
      await mkdir(join(folder, 'shots'));
      await writeFile(join(folder, 'shots/a.png'), images.png());
      const redis = { ...env, REDIS_URL: 'redis://127.0.0.1:1' };
      const { code, err } = await clipmill([command, 'x.yaml'], folder, redis).finished;
      expect(err).toMatch(/^error: x\.yaml: image_files need S3 storage.*\n {2}Set CLIPMILL_STORAGE=s3:/);
      expect(code).toBe(2);
      expect(simulator.records.summary().requests.total).toBe(0);
    },
  );

  it('reports all mistakes of all files at once', async () => {
    const { env } = await nothing();
    const folder = await workFolder({
      'a.yaml': 'jobs:\n  - {prompt: a, duration: 7, sond: true}\n  - {mode: text-to-video}\n',
      'b.csv': 'prompt,duration\nx,5\ny,6\n',
    });
    const { code, err } = await clipmill(['validate', 'a.yaml', 'b.csv'], folder, env).finished;
    expect(code).toBe(2);
    expect(err.split('\n').filter((line) => line.startsWith('error: '))).toHaveLength(4);
  });

  it.each([
    [['frobnicate']],
    [['run']],
    [['export', 'b', '--format', 'xml']],
    [['work', 'everything']],
    [['status', '--nonsense']],
  ])('refuses an unknown command line: %j', async (args) => {
    const { code, err } = await clipmill(args, await workFolder()).finished;
    expect(code).toBe(2);
    expect(err).toMatch(/^error: /);
  });

  it('refuses an unknown batch, and suggests the nearest name', async () => {
    const { env } = await nothing();
    const folder = await workFolder({ 'spring.yaml': 'jobs:\n  - prompt: a\n' });
    expect((await clipmill(['run', 'spring.yaml'], folder, env).finished).code).toBe(0);
    const { code, err } = await clipmill(['retry', 'sprng'], folder, env).finished;
    expect(code).toBe(2);
    expect(err).toBe('error: there is no batch "sprng"\n  Did you mean "spring"?\n');
  });
});
