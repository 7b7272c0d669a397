import { describe, expect, it } from 'vitest';
import { open, read, wrong } from '../files.ts';

const faults = async (text: string) => (await wrong('jobs.json', text)).map((line) => line.replace('jobs.json:', ''));

const list = (job: string) => `[\n${job}\n]`;

const lines = async (content: string) => (await wrong('x.jsonl', content)).map((line) => line.replace('x.jsonl:', ''));

describe('a JSON file', () => {
  it.each([
    ['an object', '{"batch": "x", "jobs": [{"id": "a", "prompt": "one"}, {"id":"b","prompt":"two"}]}'],
    [
      'an object with its header last',
      '{"jobs":[{"id":"a","prompt":"one"},\n{"id":"b","prompt":"two"}],"batch":"x"}\n',
    ],
    [
      'a list, with a BOM and CRLF',
      '\ufeff[\r\n {"id": "a", "prompt": "one"},\r\n {"id": "b", "prompt": "two"}\r\n]\r\n',
    ],
  ])('may be %s', async (_, text) => {
    expect((await read('x.json', text)).map((job) => [job.id, job.input.prompt, job.output])).toEqual([
      ['a', 'one', 'x/a.mp4'],
      ['b', 'two', 'x/b.mp4'],
    ]);
  });

  it('may contain every character in its texts', async () => {
    const prompt = '[{"x": \'1\', \\ }] \n\t\u2028 🦊 é ] } " // /*';
    const [job] = await read('x.json', JSON.stringify({ jobs: [{ prompt }] }));
    expect(job?.input.prompt).toBe(prompt);
    expect((await read('x.json', '[{"prompt": "\\u0041\\/\\ud83e\\udd8a"}]'))[0]?.input.prompt).toBe('A/🦊');
  });

  it('may have its header anywhere, and every kind of value in it', async () => {
    const file = await open('x.json', '{"max_clips": 5e0, "jobs": [{"prompt": "a"}], "defaults": {"sound": false}}');
    expect(file.maxClips).toBe(5);
    for await (const job of file.jobs()) expect(job.input.sound).toBe(false);
  });

  it('reports the places of mistakes', async () => {
    expect(
      await faults(
        '{\n  "batch": 7,\n  "jobs": [\n    {"promt": "x"},\n    {"id": "b",\n     "prompt": "y", "duration": 7}\n  ]\n}',
      ),
    ).toEqual([
      '2:12: batch: must be text, not a number: put it in quotes',
      '4:6: job #1: promt: unknown field `promt`: did you mean `prompt`?',
      '6:33: job b: duration: must be 5 or 10',
    ]);
  });

  it('reports places after the jobs', async () => {
    const after = '"batch": 7}';
    expect(await faults(`{"jobs": [\n{"prompt": "x"}\n\n], ${after}`)).toEqual([
      expect.stringMatching(/^4:13: batch: /),
    ]);
    expect(await faults(`{"jobs": [{"prompt": "x"}],\n ${after}`)).toEqual([expect.stringMatching(/^2:11: batch: /)]);
    expect(await faults(`{"jobs": [{"prompt": "x"}], ${after}`)).toEqual([expect.stringMatching(/^1:38: batch: /)]);
  });

  const quotes = 'strings and names must be in double quotes; --format yaml accepts single quotes';
  const more = 'expected nothing more: is a comma missing, or a bracket closed too early?';

  it.each([
    ['no JSON', 'jobs: []', [`1:1: invalid JSON at \`jobs\`: ${quotes}`]],
    [
      'a text',
      '"x"',
      ['1:1: must be a mapping with `jobs`, or a list of jobs; use --format txt for one prompt per line'],
    ],
    ['a comment', '// x\n[]', ['1:1: invalid JSON at `// x`: JSON does not allow comments: remove them']],
    [
      'more after the end',
      '[{"prompt": "x"}]\n,',
      [`2:1: invalid JSON at \`,\`: ${more}; use --format jsonl for JSON lines`],
    ],
    [
      'a list that does not end',
      '[{"prompt": "x"},\n',
      ['2:1: job #2: the file ends before its list of jobs does: is a "]" missing?'],
    ],
    [
      'a list that does not end behind a job',
      '{"jobs": [{"prompt": "x"}',
      ['1:11: job #1: the file ends before its list of jobs does: is a "]" missing?'],
    ],
    [
      'a job that does not end',
      '[{"prompt": "x"},\n{"prompt": "y"',
      ['2:15: job #2: invalid JSON at the end: expected "," or "}"'],
    ],
    [
      'an object that does not end',
      '{"jobs": [{"prompt": "x"}]',
      ['1:27: invalid JSON at the end: expected "," or "}"'],
    ],
    [
      'a list that is closed by the wrong bracket',
      '{"jobs": [{"prompt": "x"}}, {}]',
      ['1:26: invalid JSON at `}`: expected a value'],
    ],
    [
      'a comma too many',
      '[{"prompt": "x"},]',
      ['1:18: job #2: a job is missing here: is there an extra comma? --format yaml accepts one at the end'],
    ],
    [
      'a comma alone',
      '[,]',
      [1, 2].map(
        (n) =>
          `1:${n + 1}: job #${n}: a job is missing here: is there an extra comma? --format yaml accepts one at the end`,
      ),
    ],
    ['a comma too few', '[{"prompt": "x"} {}]', [`1:18: job #1: invalid JSON at \`{\`: ${more}`]],
    ['a name without quotes', '{jobs: []}', [`1:2: invalid JSON at \`jobs\`: ${quotes}`]],
    ['a name without a colon', '{"jobs" []}', ['1:9: invalid JSON at `[`: expected ":" after the name']],
    ['a name without a value', '{"batch": , "jobs": []}', ['1:11: invalid JSON at `,`: expected a value']],
    ['a bad value in the header', '{"batch": x, "jobs": []}', [`1:11: invalid JSON at \`x\`: ${quotes}`]],
    ['jobs that are no list', '{"jobs": {"prompt": "x"}}', ['1:10: jobs: must be a list of jobs']],
    ['jobs twice', '{"jobs": [\n{"prompt": "x"}],\n"jobs": []}', ['3:1: jobs: is given twice: first at line 1']],
    [
      'jobs of the defaults',
      '{"defaults": {"jobs": []}, "jobs": [{"prompt": "x"}]}',
      [expect.stringMatching(/^1:15: defaults.jobs: /)],
    ],
    [
      'a field twice',
      '{"batch": "x", "batch": "y", "jobs": [{"prompt": "x"}]}',
      ['1:16: batch: is given twice: first at line 1'],
    ],
    [
      'a field of a job twice',
      list('{"prompt": "x",\n"prompt": "y"}'),
      ['3:1: job #1: prompt: is given twice: first at line 2'],
    ],
    ['single quotes', list("{'prompt': 'x'}"), [`2:2: job #1: invalid JSON at \`'prompt'\`: ${quotes}`]],
    [
      'a trailing comma',
      list('{"prompt": "x",}'),
      [
        '2:16: job #1: invalid JSON at `}`: expected a name in double quotes; --format yaml accepts single quotes and a trailing comma',
      ],
    ],
    ['no comma', list('{"prompt": "x" "id": "a"}'), ['2:16: job #1: invalid JSON at `"id"`: expected "," before this']],
    [
      'an open quote',
      list('{"prompt": "x},\n{"prompt": "y"}'),
      [expect.stringMatching(/^2:12: job #1: invalid JSON at `"x},`: a string is not closed on its line/)],
    ],
    [
      'a bad escape',
      list('{"prompt": "\\x"}'),
      [expect.stringMatching(/^2:12: job #1: invalid JSON at `"\\x"`: invalid escape sequence/)],
    ],
    [
      'a bad character number',
      list('{"prompt": "\\u12x"}'),
      ['2:12: job #1: invalid JSON at `"\\u12x"`: "\\u" must be followed by four hexadecimal digits'],
    ],
    [
      'a tab in a text',
      list('{"prompt": "a\tb"}'),
      [expect.stringMatching(/^2:12: job #1: invalid JSON at `"a\\tb"`: a control character/)],
    ],
    ['NaN', list('{"prompt": "x", "priority": NaN}'), [`2:29: job #1: invalid JSON at \`NaN\`: ${quotes}`]],
    [
      'a number with zeros',
      list('{"prompt": "x", "priority": 007}'),
      ['2:30: job #1: invalid JSON at `0`: expected "," before this'],
    ],
    [
      'a number that breaks off',
      list('{"prompt": "x", "priority": 7.}'),
      ['2:29: job #1: invalid JSON at `7.`: the number is incomplete'],
    ],
    ['hexadecimal', list('{"prompt": "x", "priority": 0x7}'), [`2:30: job #1: invalid JSON at \`x7\`: ${quotes}`]],
    ['wrong brackets', list('{"image_urls": [}'), ['2:17: job #1: invalid JSON at `}`: expected a value']],
    ['a job that is a number', list('7'), ['2:1: job #1: must be text or a mapping of fields, not a number']],
    ['a job that is null', list('null'), ['2:1: job #1: is empty']],
    [
      'deep nesting',
      list(`{"prompt": ${'['.repeat(100)}${']'.repeat(100)}}`),
      ['2:61: job #1: invalid JSON: lists and objects are nested more than 50 deep'],
    ],
    [
      'deeper nesting',
      list(`{"prompt": ${'['.repeat(200_000)}`),
      ['2:61: job #1: invalid JSON: lists and objects are nested more than 50 deep'],
    ],
  ])('is refused with %s', async (_, content, expected) => {
    expect(await faults(content)).toEqual(expected);
  });

  it('is refused with a job over 1 MB, and its other jobs are checked', async () => {
    const long = JSON.stringify({ prompt: 'x'.repeat(1_300_000) });
    expect(await faults(`[\n${long},\n{"prompt": ""}\n]`)).toEqual([
      '2:1: job #1: is longer than 1 MB: is a bracket in it not closed?',
      '3:12: job #2: prompt: must not be empty',
    ]);
  });

  it('is refused with a header over 1 MB, as after an extra bracket', async () => {
    const jobs = `{"prompt": "${'x'.repeat(1_000)}"},\n`.repeat(1_000);
    expect(await faults(`[\n{"prompt": "x"}},\n${jobs}]`)).toEqual([
      '2:16: the text around the jobs is longer than 1 MB: the jobs must be a list, `{"jobs": [...]}` or `[...]`, and its brackets closed at its end',
    ]);
  });
});

describe('a JSONL file', () => {
  it('has a job per line, after an optional header', async () => {
    const jobs = '{"id": "a", "prompt": "one"}\r\n\r\n  {"id": "b", "prompt": "two"}';
    expect((await read('x.ndjson', jobs)).map((job) => job.output)).toEqual(['x/a.mp4', 'x/b.mp4']);
    const header = '{"batch": "y", "output": "{id}", "defaults": {"duration": 10}}\n';
    expect(await read('x.jsonl', `\ufeff\n${header}${jobs}`)).toMatchObject([
      { output: 'a', input: { duration: 10 } },
      { output: 'b', input: { duration: 10 } },
    ]);
  });

  it('reports the places of mistakes, also in the header', async () => {
    expect(await lines('{"batch": "y", "max_clip": 3}\n{"prompt": ""}\n{"prompt": "x"\nx\n[1]\n{} {}\n')).toEqual([
      '1:16: max_clip: unknown field `max_clip`: did you mean `max_clips`?',
      '2:12: job #1: prompt: must not be empty',
      '3:15: job #2: invalid JSON at the end: expected "," or "}"',
      '4:1: job #3: is not JSON: each line must be a job; use --format txt for one prompt per line',
      '5:1: job #4: must be text or a mapping of fields, not a list',
      '6:4: job #5: invalid JSON at `{`: expected nothing more: is a comma missing, or a bracket closed too early?',
    ]);
  });

  it('accepts a header only on the first line', async () => {
    expect(await lines('{"prompt": "x"}\n{"batch": "y"}\n')).toEqual([
      '2:1: job #2: prompt: is required',
      expect.stringContaining('2:2: job #2: batch: unknown field `batch`'),
    ]);
    expect(await lines('{"output": "y", "x-note": 1}\n')).toEqual([
      ' has no jobs: write one per line, as `{"prompt": "a red fox in snow"}`',
    ]);
  });

  it('is refused with a line over 1 MB, and its other lines are checked', async () => {
    expect(await lines(`{"prompt": "${'x'.repeat(1_200_000)}"}\n{"prompt": ""}\n`)).toEqual([
      '1:1: job #1: the job is longer than 1 MB',
      '2:12: job #2: prompt: must not be empty',
    ]);
  });
});
