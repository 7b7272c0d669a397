import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../../src/core/errors.ts';
import { openJobsFiles } from '../../../src/jobs/open-jobs-files.ts';
import { folder, open, read, wrong } from './files.ts';
import { gather } from './gather.ts';
import { complaints } from './library.ts';

/** Opens files a.yaml, b.yaml, … of one folder in one call. */
const several = async (...texts: string[]) => {
  const path = await folder();
  const paths = texts.map((_, number) => join(path, `${'abc'[number]}.yaml`));
  await Promise.all(texts.map((text, number) => writeFile(paths[number] ?? '', text)));
  return openJobsFiles(paths);
};

describe('the header of a file', () => {
  it('gives batch, budget and totals', async () => {
    const text =
      'batch: spring\nmax_clips: 7\njobs:\n- prompt: "{a}"\n  matrix: {a: [x, y]}\n  copies: 2\n' +
      '- prompt: b\n  duration: 10\n- mode: image-to-video\n  prompt: c\n  image_urls: [https://example.com/1.png]\n- prompt: d\n';
    const file = await open('jobs.yaml', text);
    expect(file).toMatchObject({ batch: 'spring', maxClips: 7 });
    expect(file.totals).toEqual({
      clips: 7,
      videoSeconds: 40,
      kinds: [
        { mode: 'text-to-video', duration: 5, clips: 5 },
        { mode: 'text-to-video', duration: 10, clips: 1 },
        { mode: 'image-to-video', duration: 5, clips: 1 },
      ],
    });
    expect((await gather(file.jobs())).map((job) => job.index)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  it.each([
    ['jobs.yaml', 'jobs'],
    ['Été 2026 (final).yaml', 'Ete-2026-final'],
    ['.hidden.yml', 'hidden'],
    [`${'x'.repeat(150)}.yaml`, 'x'.repeat(128)],
  ])('takes the batch from the file name by default: %s', async (name, batch) => {
    expect((await open(name, '- prompt: x\n')).batch).toBe(batch);
  });

  it('is overridden by the name in the options', async () => {
    const file = await open('jobs.yaml', 'batch: x\njobs:\n- id: a\n  prompt: x\n', { batch: 'mine' });
    expect(file.batch).toBe('mine');
    expect((await gather(file.jobs()))[0]?.output).toBe('mine/a.mp4');
    expect(await wrong('jobs.yaml', '- prompt: x\n', { batch: '../x' })).toEqual([
      '--batch: must be 1 to 128 letters, digits, ".", "_" or "-", and begin with a letter or digit; this one is `../x`',
    ]);
  });

  it('has the day of the options, in UTC', async () => {
    const now = new Date('2026-12-31T23:59:59-05:00');
    const [job] = await read('jobs.yaml', 'output: "{date}"\njobs:\n- prompt: x\n', { now });
    expect(job?.output).toBe('2027-01-01');
  });

  it('has no budget by default', async () => {
    expect((await open('jobs.yaml', '- prompt: x\n')).maxClips).toBeUndefined();
  });
});

describe('a header', () => {
  it('reports all its mistakes once, and not as mistakes of jobs', async () => {
    const text =
      'batch: 7\noutput: ../{id}\nmax_clips: 1.5\nnotes: x\ndefaults:\n  duration: 6\n  mode: video\n  id: x\n' +
      '  matrix: {a: [1]}\n  promt: x\njobs:\n- prompt: x\n- prompt: y\n  image_urls: [https://example.com/1]\n- prompt: z\n  copies: 0\n';
    expect(await wrong('jobs.yaml', text)).toEqual([
      'jobs.yaml:1:8: batch: must be text, not a number: put it in quotes',
      'jobs.yaml:2:9: output: gives `../x`: it must not contain "." or ".."',
      'jobs.yaml:3:12: max_clips: must be a whole number of at least 1, or `none` to remove the budget',
      'jobs.yaml:4:1: notes: unknown field `notes`: known fields are batch, output, max_clips, defaults, jobs; a field whose name begins with x- is ignored',
      'jobs.yaml:6:13: defaults.duration: must be 5 or 10',
      'jobs.yaml:7:9: defaults.mode: must be text-to-video or image-to-video',
      'jobs.yaml:8:3: defaults.id: cannot be a default: it belongs to a single job',
      'jobs.yaml:9:3: defaults.matrix: cannot be a default: it belongs to a single job',
      'jobs.yaml:10:3: defaults.promt: unknown field `promt`: did you mean `prompt`?',
      'jobs.yaml:16:11: job #3: copies: must be a whole number from 1 to 1,000',
    ]);
  });

  it('with a misspelt field does not make every job wrong', async () => {
    expect(await wrong('jobs.yaml', 'default:\n  prompt: x\njobs:\n- id: a\n- id: b\n')).toEqual([
      'jobs.yaml:1:1: default: unknown field `default`: did you mean `defaults`?',
    ]);
    expect(await wrong('jobs.yaml', 'defaults: x\njobs:\n- id: a\n')).toEqual([
      'jobs.yaml:1:11: defaults: must be a mapping of job fields, not text',
    ]);
  });

  it.each([
    '{"0001": "a cat", "0002": "a dog"}',
    '{"0001": {"prompt": "a cat"}, "0002": {"prompt": "a dog"}}',
    '{"0001": {"prompt": "a cat"}, "0002": "a dog"}',
  ])('of prompts by name is refused once, with a command that makes a list of it: %s', async (text) => {
    const jq = 'to_entries[] | {id: .key} + (.value | objects // {prompt: .})';
    expect(await wrong('jobs.json', text)).toEqual([expect.stringContaining(`jq -c '${jq}' makes JSON lines`)]);
  });

  it('with fields of a job reports where they belong', async () => {
    expect(await wrong('jobs.yaml', 'prompt: a cat\n')).toEqual([
      'jobs.yaml:1:1: prompt: `prompt` belongs to a job: write `- prompt: …` below `jobs:`, or put it into `defaults:` for all jobs',
    ]);
  });

  it('may have empty defaults', async () => {
    expect(await read('jobs.yaml', 'defaults:\njobs:\n- prompt: a\n')).toHaveLength(1);
  });
});

describe('jobs that repeat', () => {
  it('an id are reported with the place of the first', async () => {
    const text =
      'jobs:\n- id: a\n  prompt: x\n- id: b\n  prompt: y\n- prompt: z\n  id: a\n- id: a\n  prompt: w\n  copies: 3\n';
    expect(await wrong('jobs.yaml', text)).toEqual([
      'jobs.yaml:7:7: job a: id: `a` is already the id of the job at line 2',
      'jobs.yaml:8:7: job a: id: `a` is already the id of the job at line 2',
    ]);
    expect(await wrong('jobs.yaml', '- id: a-2\n  prompt: x\n- id: a\n  copies: 3\n  prompt: y\n')).toEqual([
      'jobs.yaml:3:7: job a: id: `a-2` is already the id of the job at line 1',
    ]);
  });

  it('a content are reported with a cure', async () => {
    expect(await wrong('jobs.yaml', '- prompt: x\n\n- prompt: y\n- sound: true\n  prompt: x\n')).toEqual([
      'jobs.yaml:4:3: job #3: same content as the job at line 1: give each an id, use `copies: 2`, or skip such jobs with --duplicates skip',
    ]);
  });

  it('an output name are reported with the place of the first', async () => {
    expect(
      await wrong('jobs.yaml', '- id: a\n  prompt: x\n  output: Clip.mp4\n- id: b\n  prompt: y\n  output: clip.MP4\n'),
    ).toEqual([
      'jobs.yaml:6:11: job b: output: `clip.MP4` is already the name of a clip of the job at line 1: choose another one, with {id} in it (case is ignored)',
    ]);
  });

  it('across files are compared by output, and by id within a batch', async () => {
    const one = '- id: x\n  prompt: one\n';
    expect((await several(one, one)).map((file) => file.batch)).toEqual(['a', 'b']);
    expect(await complaints(several(`batch: s\njobs:\n${one}`, one, `# c\nbatch: s\njobs:\n${one}`))).toEqual(
      ['c.yaml:4:7: job x: id: `x` is already the id of the job at a.yaml:3'].map((line) =>
        expect.stringMatching(line.replace('a.yaml', '.*a.yaml').replaceAll('`', '.')),
      ),
    );
    expect(await complaints(several(one, '- {id: y, prompt: two, output: a/x.mp4}\n'))).toEqual([
      expect.stringMatching(
        /^b\.yaml:1:32: job y: output: `a\/x\.mp4` is already the name of a clip of the job at .*a\.yaml:1/,
      ),
    ]);
  });

  it('in several files: all mistakes of all files, in their order', async () => {
    expect(await complaints(several('- promt: x\n', '- prompt: ok\n', 'jobs:\n- {}\n'))).toEqual([
      'a.yaml:1:3: job #1: promt: unknown field `promt`: did you mean `prompt`?',
      'c.yaml:2:3: job #1: prompt: is required',
    ]);
  });
});

describe('mistakes of several kinds', () => {
  it('in header, fields, variables and names are reported in one pass', async () => {
    const text =
      'notes: x\njobs:\n- {id: a, prompt: "{style} fox", style: noir}\n- {id: a, prompt: "{x}"}\n- {id: a, prompt: y, duration: 7}\n' +
      '- {prompt: same, colour: red}\n- {prompt: same}\n- {id: b, prompt: z, output: "{id"}\n';
    expect(await wrong('jobs.yaml', text)).toEqual([
      expect.stringContaining('1:1: notes: unknown field `notes`'),
      expect.stringContaining('3:34: job a: style: unknown field `style`'),
      expect.stringContaining('4:8: job a: id: `a` is already the id of the job at line 3'),
      expect.stringContaining('4:19: job a: prompt: no variable `x`'),
      expect.stringContaining('5:8: job a: id: `a` is already the id of the job at line 3'),
      expect.stringContaining('5:32: job a: duration: must be 5 or 10'),
      expect.stringContaining('6:18: job #4: colour: unknown field `colour`'),
      expect.stringContaining('7:3: job #5: same content as the job at line 6'),
      expect.stringContaining('8:30: job b: output: has a single "{": a variable is written {id}, a literal brace {{'),
    ]);
  });

  it('in columns and rows of a table are reported in one pass', async () => {
    expect(await wrong('t.csv', 'prompt,duratoin,sound\na,5,maybe\n,10,true\n')).toEqual([
      expect.stringContaining('t.csv:1:2: duratoin: unknown column `duratoin`: did you mean `duration`?'),
      expect.stringContaining('t.csv:2:3: job #1: sound: must be true or false'),
      expect.stringContaining('t.csv:3:1: job #2: prompt: is required'),
    ]);
  });

  it('on the command line and in the file are reported in one pass', async () => {
    const options = { output: '{id', set: new Map([['duration', '7']]), batch: 'a b' };
    expect(await wrong('jobs.yaml', '- {prompt: x, sound: loud}\n', options)).toEqual([
      expect.stringContaining('--batch: must be 1 to 128 letters'),
      '--output: has a single "{": a variable is written {id}, a literal brace {{',
      '--set duration: must be 5 or 10',
      'jobs.yaml:1:22: job #1: sound: must be true or false',
    ]);
  });

  it('are all listed, however often one occurs', async () => {
    const text = '- {}\n'.repeat(1_000) + '- {prompt: x, duration: 7}\n';
    const list = await wrong('jobs.yaml', text);
    expect(list).toHaveLength(102);
    expect(list.slice(100)).toEqual(['jobs.yaml:1001:25: job #1001: duration: must be 5 or 10', 'and 900 more']);
  });
});

describe('the list of problems', () => {
  it('shows 100, and the number of others', async () => {
    const text = Array.from({ length: 1_234 }, () => '- {}\n').join('');
    const list = await wrong('jobs.yaml', text);
    expect(list).toHaveLength(101);
    expect(list[99]).toBe('jobs.yaml:100:3: job #100: prompt: is required');
    expect(list[100]).toBe('and 1,134 more');
  });

  it('gives each part separately', async () => {
    const error: unknown = await open('jobs.yaml', '- id: a\n  prompt: x\n  duration: 6\n').catch(
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(InputError);
    expect((error as InputError).problems).toEqual([
      {
        file: expect.stringMatching(/\/jobs\.yaml$/),
        line: 3,
        column: 13,
        job: 'a',
        field: 'duration',
        message: 'must be 5 or 10',
      },
    ]);
  });
});

it('a file of too many clips is refused at the first job beyond the limit', async () => {
  const jobs = Array.from({ length: 4 }, (_, number) => `- {id: n${number}, prompt: x, copies: 1000}\n`);
  const options = { maxItems: 2_500 };
  expect((await open('jobs.yaml', jobs.slice(0, 2).join(''), options)).totals.clips).toBe(2_000);
  expect(await wrong('jobs.yaml', jobs.join(''), options)).toEqual([
    'jobs.yaml:3:3: job n2: with this job the file has more than 2,500 clips: split it, or raise CLIPMILL_MAX_ITEMS',
  ]);
});
