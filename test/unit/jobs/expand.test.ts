import { describe, expect, it } from 'vitest';
import type { JobInput } from '../../../src/jobs/job.ts';
import { expandJobs } from '../../../src/jobs/stream.ts';
import { gather } from './gather.ts';
import { expand, refused } from './library.ts';

const image = { mode: 'image-to-video', prompt: 'x', image_urls: ['https://example.com/1.png'] };

describe('a job given to the library', () => {
  it('gets every default', async () => {
    expect(await expand([{ prompt: 'a fox', id: 'fox' }])).toEqual([
      {
        id: 'fox',
        index: 1,
        provider: 'auto',
        input: { mode: 'text-to-video', prompt: 'a fox', duration: 5, sound: true, aspect_ratio: '1:1' },
        priority: 100,
        output: 'b/fox.mp4',
      },
    ]);
  });

  it('may inherit everything except id and matrix', async () => {
    const defaults = {
      prompt: 'a {n}',
      duration: 10,
      sound: false,
      provider: 'value',
      priority: 7,
      copies: 2,
      output: '{id}',
    };
    const jobs = await expand(
      [
        { matrix: { n: [1] }, id: 'a' },
        { id: 'b', prompt: 'own', copies: 1, priority: 0 },
      ],
      {
        defaults: defaults as JobInput,
      },
    );
    expect(
      jobs.map(({ id, priority, output, provider, input }) => [id, priority, output, provider, input.prompt]),
    ).toEqual([
      ['a-1', 7, 'a-1', 'value', 'a 1'],
      ['a-1-2', 7, 'a-1-2', 'value', 'a 1'],
      ['b', 0, 'b', 'value', 'own'],
    ]);
    expect(jobs[0]?.input).toMatchObject({ duration: 10, sound: false });
  });

  it('has the mode of its images, its own or inherited', async () => {
    const image_urls = ['https://example.com/1.png'];
    const [own] = await expand([{ prompt: 'x', image_urls }]);
    expect(own?.input.mode).toBe('image-to-video');
    const [inherited] = await expand([{ prompt: 'x' }], { defaults: { image_urls } });
    expect(inherited?.input).toMatchObject({ mode: 'image-to-video', image_urls });
  });

  it('omits inherited fields that its mode does not accept', async () => {
    const defaults: JobInput = { aspect_ratio: '9:16', image_urls: ['https://example.com/1.png'] };
    const [text, video] = await expand(
      [
        { prompt: 'x', mode: 'text-to-video' },
        { prompt: 'x', mode: 'image-to-video' },
      ],
      { defaults },
    );
    expect(text?.input).toEqual({ mode: 'text-to-video', prompt: 'x', duration: 5, sound: true, aspect_ratio: '9:16' });
    expect(video?.input).toEqual({
      mode: 'image-to-video',
      prompt: 'x',
      duration: 5,
      sound: true,
      image_urls: ['https://example.com/1.png'],
    });
  });

  it('treats undefined fields as absent', async () => {
    expect(await expand([{ prompt: 'x', id: undefined, duration: undefined }])).toHaveLength(1);
  });

  it.each([
    [{}, 'prompt: is required'],
    [{ prompt: '' }, 'prompt: must not be empty'],
    [{ prompt: 'x'.repeat(1001) }, 'prompt: has 1001 characters, 1000 at most'],
    [{ prompt: 5 }, 'prompt: must be text, not a number: put it in quotes'],
    [{ prompt: true }, 'prompt: must be text, not the value true: put it in quotes'],
    [{ prompt: {} }, 'prompt: must be text, not a mapping: put it in quotes'],
    [{ prompt: null }, 'prompt: is empty: give it a value or leave it out'],
    [{ prompt: 'x', id: 7 }, 'id: must be text, not a number: put it in quotes'],
    [{ prompt: 'x', mode: 'text' }, 'mode: must be text-to-video or image-to-video'],
    [{ prompt: 'x', duration: 6 }, 'duration: must be 5 or 10'],
    [{ prompt: 'x', duration: '5' }, 'duration: must be 5 or 10'],
    [{ prompt: 'x', sound: 'yes' }, 'sound: must be true or false'],
    [{ prompt: 'x', aspect_ratio: '4:3' }, 'aspect_ratio: must be one of 1:1, 16:9, 9:16'],
    [{ prompt: 'x', provider: 'cheap' }, 'provider: must be one of auto, value, official'],
    [{ prompt: 'x', priority: -1 }, 'priority: must be a whole number from 0 to 1,000,000'],
    [{ prompt: 'x', priority: -1.5 }, 'priority: must be a whole number from 0 to 1,000,000'],
    [{ prompt: 'x', copies: 0 }, 'copies: must be a whole number from 1 to 1,000'],
    [{ prompt: 'x', copies: 1001 }, 'copies: must be a whole number from 1 to 1,000'],
    [{ prompt: 'x', aspectratio: '1:1' }, 'aspectratio: unknown field `aspectratio`: did you mean `aspect_ratio`?'],
    [{ promt: 'x' }, 'promt: unknown field `promt`: did you mean `prompt`?'],
    [
      { prompt: 'x', colour: 'red' },
      'colour: unknown field `colour`: known fields are id, prompt, mode, duration, sound, aspect_ratio, image_urls, image_files, provider, priority, copies, output, matrix',
    ],
    [{ ...image, aspect_ratio: '1:1' }, 'aspect_ratio: is for text-to-video only, and the mode is image-to-video'],
    [
      { prompt: 'x', mode: 'text-to-video', image_urls: ['https://example.com/1'] },
      'image_urls: is for image-to-video only, and the mode is text-to-video',
    ],
    [
      { ...image, image_urls: undefined },
      'image_urls: is required for image-to-video: a list of one or two URLs, or `image_files`',
    ],
    [{ ...image, image_urls: [] }, 'image_urls: needs one image at least'],
    [{ ...image, image_urls: ['ftp://example.com/1'] }, 'image_urls[0]: must be a http(s) URL'],
    [{ ...image, image_urls: 'https://example.com/1' }, 'image_urls: must be a list of one or two URLs'],
    [
      { prompt: 'a {thing}' },
      'prompt: no variable `thing`: the job has no matrix; for literal braces, write {{thing}}',
    ],
    [
      { prompt: '{a}', matrix: { b: [1] } },
      'prompt: no variable `a`: known variables are b; for literal braces, write {{a}}',
    ],
  ])('is refused: %j', async (job, message) => {
    expect(await refused([job])).toEqual([`job #1: ${message}`]);
  });

  it('is refused with all its mistakes', async () => {
    expect(await refused([{ id: 'fox', duration: 7, sound: 1, prompt: '{x}', output: '{y}', copies: 0 }])).toEqual([
      'job fox: duration: must be 5 or 10',
      'job fox: sound: must be true or false',
      'job fox: copies: must be a whole number from 1 to 1,000',
      'job fox: prompt: no variable `x`: the job has no matrix; for literal braces, write {{x}}',
      'job fox: output: no variable `y`: known variables are batch, id, index, mode, duration, aspect_ratio, date; for literal braces, write {{y}}',
    ]);
  });

  it('may be a text, which is its prompt', async () => {
    expect((await expand(['a fox']))[0]?.input.prompt).toBe('a fox');
  });

  it('may be an object of a class, with what it inherits', async () => {
    class Shot {
      prompt = 'a fox';
      get duration() {
        return 10;
      }
    }
    expect((await expand([new Shot()]))[0]?.input).toMatchObject({ prompt: 'a fox', duration: 10 });
  });

  it('must be an object otherwise', async () => {
    expect(await refused([null])).toEqual(['job #1: must be a string or an object of fields, not nothing']);
    expect(await refused([[]])).toEqual(['job #1: must be a string or an object of fields, not a list']);
  });

  it('counts characters, not UTF-16 units', async () => {
    expect(await expand([{ prompt: '🦊'.repeat(1000) }])).toHaveLength(1);
  });

  it('keeps terminal escapes out of messages', async () => {
    expect(await refused([{ prompt: 'x', ['a\u001b[31m']: 1 }])).toEqual([
      expect.stringContaining('a\\u001b[31m: unknown field `a\\u001b[31m`'),
    ]);
  });
});

const names = async (job: object, output?: string) =>
  (await expand([{ id: 'a', prompt: 'x', ...job }], { output })).map((made) => made.output);

async function* source(): AsyncGenerator<JobInput> {
  yield { id: 'a', prompt: 'x' };
  yield { id: 'b', prompt: 'y', copies: 2 };
  yield { id: 'c', prompt: '' };
}

describe('output names', () => {
  it('have their own variables', async () => {
    const output = '{date}/{batch}-{index}-{mode}/{id}_{duration}s_{aspect_ratio}';
    expect(await names({ aspect_ratio: '16:9' }, output)).toEqual(['2026-02-03/b-1-text-to-video/a_5s_16x9']);
    expect(await names({ ...image, duration: 10 }, output)).toEqual(['2026-02-03/b-1-image-to-video/a_10s_image']);
  });

  it('have the variables of the matrix, made safe', async () => {
    const matrix = { place: ['a/b\\c\nd', 'Łódź'] };
    expect(await names({ prompt: '{place}', matrix }, '{place}/{id}.mp4')).toEqual([
      'a-b-c-d/a-a-b-c-d.mp4',
      expect.stringMatching(/^Łódź\/a-odz-\w+\.mp4$/),
    ]);
    expect(await refused([{ prompt: '{place}', matrix: { place: ['..'] } }], { output: '{place}/{id}' })).toEqual([
      expect.stringContaining('it must not contain "." or ".." (with place=`..`)'),
    ]);
  });

  it('may be given by the job', async () => {
    expect(await names({ output: 'own/{{x}}/{id}' }, '{batch}')).toEqual(['own/{x}/a']);
    expect(await refused([{ prompt: 'x', output: '../{id}' }])).toEqual([
      expect.stringMatching(/^job #1: output: gives `\.\.\/\w+`: it must not contain "\." or "\.\."$/),
    ]);
  });

  it('are refused once for all jobs if the template is invalid', async () => {
    expect(await refused([{ prompt: 'x' }], { output: '/srv/{id}' })).toEqual([
      'output: gives `/srv/x`: it must be relative, without a leading "/"',
    ]);
    expect(await refused([{ prompt: 'x' }], { defaults: { output: '{batch}/manifest.jsonl' } })).toEqual([
      'defaults.output: gives `x/manifest.jsonl`: this name is reserved for files of clipmill',
    ]);
  });

  it('may not be those of another clip, in upper or lower case', async () => {
    expect(
      await refused([
        { id: 'a', prompt: 'x' },
        { id: 'A', prompt: 'y' },
      ]),
    ).toEqual([
      'job A: output: `b/A.mp4` is already the name of a clip of job #1: choose another one, with {id} in it (case is ignored)',
    ]);
    expect(await refused([{ prompt: 'x', copies: 2 }], { output: 'clip.mp4' })).toEqual([
      'job #1: output: `clip.mp4` is already the name of a clip of job #1: choose another one, with {id} in it (case is ignored)',
    ]);
  });

  it('may not be a folder for another clip', async () => {
    const first = { id: 'a', prompt: 'x', output: 'A' };
    const second = { id: 'c', prompt: 'y', output: 'a/b/c' };
    expect(await refused([first, second])).toEqual([
      'job c: output: `a/b/c` needs the folder `a`, which is a clip of job #1',
    ]);
    expect(await refused([second, first])).toEqual(['job a: output: `A` is a folder for the clip of job #1']);
  });
});

describe('several jobs given to the library', () => {
  it('may come from an async iterable, and are yielded until the first bad one', async () => {
    const seen: string[] = [];
    const all = async () => {
      for await (const job of expandJobs(source(), { batch: 'b' })) seen.push(`${job.index} ${job.id}`);
    };
    await expect(all()).rejects.toThrow('job c: prompt: must not be empty');
    expect(seen).toEqual(['1 a', '2 b', '3 b-2']);
  });

  it('make no clip of a job whose last combination is bad', async () => {
    const jobs = expandJobs([{ prompt: '{a}', matrix: { a: ['x', ' '] } }], { batch: 'b' });
    await expect(jobs[Symbol.asyncIterator]().next()).rejects.toThrow('must not be empty');
  });

  it('may not repeat an id or a content', async () => {
    expect(
      await refused([
        { id: 'a', prompt: 'x' },
        { id: 'a', prompt: 'y' },
      ]),
    ).toEqual(['job a: id: `a` is already the id of job #1']);
    expect(await refused([{ prompt: 'x' }, { prompt: 'y' }, { prompt: 'x' }])).toEqual([
      'job #3: same content as job #1: use `copies: 2` or give each an id',
    ]);
    expect(await gather(expandJobs([{ id: 'a', prompt: 'x' }, { prompt: 'x' }], { batch: 'b' }))).toHaveLength(2);
  });

  it('have a checked header', async () => {
    expect(await refused([], { batch: 'a b', maxClips: 0, defaults: { duration: 7 } as unknown as JobInput })).toEqual([
      'batch: must be 1 to 128 letters, digits, ".", "_" or "-", and begin with a letter or digit',
      'max_clips: must be a whole number of at least 1, or `none` to remove the budget',
      'defaults.duration: must be 5 or 10',
    ]);
  });
});
