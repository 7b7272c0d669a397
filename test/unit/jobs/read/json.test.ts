import { describe, expect, it } from 'vitest';
import { open, read, wrong } from '../support.ts';

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

  it('may have every character in its texts', async () => {
    const prompt = ' [{"x": \'1\', \\ }] \n\t\u2028 🦊 é ] } " // /* ';
    const [job] = await read('x.json', JSON.stringify({ jobs: [{ prompt }] }));
    expect(job?.input.prompt).toBe(prompt);
    expect((await read('x.json', '[{"prompt": "\\u0041\\/\\ud83e\\udd8a"}]'))[0]?.input.prompt).toBe('A/🦊');
  });

  it('may have its header anywhere, and every kind of value in it', async () => {
    const file = await open('x.json', '{"max_clips": 5e0, "jobs": [{"prompt": "a"}], "defaults": {"sound": false}}');
    expect(file.maxClips).toBe(5);
    for await (const job of file.jobs()) expect(job.input.sound).toBe(false);
  });

  it('tells the places of what is wrong', async () => {
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

  it.each([
    ['no JSON', 'jobs: []', ['1:1: broken JSON: expected "{" or "[", found `j`']],
    ['a text', '"x"', ['1:1: broken JSON: expected "{" or "[", found `"`']],
    ['a comment', '// x\n[]', ['1:1: broken JSON: expected "{" or "[", found `/`']],
    ['more after the end', '[{"prompt": "x"}]\n,', ['2:1: broken JSON: expected nothing more, found `,`']],
    [
      'a list that does not end',
      '[{"prompt": "x"},\n',
      ['2:1: broken JSON: expected a job, found the end of the file'],
    ],
    [
      'an object that does not end',
      '{"jobs": [{"prompt": "x"}]',
      ['1:27: broken JSON: expected "," or "}", found the end of the file'],
    ],
    ['a comma too many', '[{"prompt": "x"},]', ['1:18: broken JSON: expected a job, found `]`']],
    ['a comma too few', '[{"prompt": "x"} {}]', ['1:18: broken JSON: expected "," or "]", found `{`']],
    ['a name without quotes', '{jobs: []}', ['1:2: broken JSON: expected a name in double quotes or "}", found `j`']],
    ['a name without a colon', '{"jobs" []}', ['1:9: broken JSON: expected ":" after the name, found `[`']],
    ['a name without a value', '{"batch": , "jobs": []}', ['1:11: broken JSON: expected a value, found `,`']],
    ['a bad value in the header', '{"batch": x, "jobs": []}', ['1:11: broken JSON: expected a value, found `x`']],
    ['jobs that are no list', '{"jobs": {"prompt": "x"}}', ['1:10: jobs: must be a list of jobs']],
    ['jobs twice', '{"jobs": [{"prompt": "x"}],\n"jobs": []}', ['2:1: jobs: is given twice: first at line 1']],
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
    [
      'single quotes',
      list("{'prompt': 'x'}"),
      ["2:2: job #1: broken JSON: expected a name in double quotes, found `'prompt'`"],
    ],
    [
      'a trailing comma',
      list('{"prompt": "x",}'),
      ['2:16: job #1: broken JSON: expected a name in double quotes, found `}`'],
    ],
    ['no comma', list('{"prompt": "x" "id": "a"}'), ['2:16: job #1: broken JSON: expected "," or "}", found `"`']],
    [
      'an open quote',
      list('{"prompt": "x},\n{"prompt": "y"}'),
      [expect.stringMatching(/^2:12: job #1: broken JSON: a quote is opened here/)],
    ],
    [
      'a bad escape',
      list('{"prompt": "\\x"}'),
      [expect.stringMatching(/^2:12: job #1: broken JSON: a "\\" in this text/)],
    ],
    [
      'a tab in a text',
      list('{"prompt": "a\tb"}'),
      [expect.stringMatching(/^2:14: job #1: broken JSON: a control character/)],
    ],
    ['NaN', list('{"prompt": "x", "priority": NaN}'), ['2:29: job #1: broken JSON: expected a value, found `NaN`']],
    [
      'a number with zeros',
      list('{"prompt": "x", "priority": 007}'),
      ['2:29: job #1: broken JSON: expected a value, found `007`'],
    ],
    [
      'hexadecimal',
      list('{"prompt": "x", "priority": 0x7}'),
      ['2:29: job #1: broken JSON: expected a value, found `0x7`'],
    ],
    ['wrong brackets', list('{"image_urls": [}'), ['2:17: job #1: broken JSON: expected a value, found `}`']],
    ['a job that is text', list('"x"'), ['2:1: job #1: must be a mapping of fields, not text']],
    ['a job that is null', list('null'), ['2:1: job #1: is empty']],
    [
      'deep nesting',
      list(`{"prompt": ${'['.repeat(100)}${']'.repeat(100)}}`),
      ['2:61: job #1: broken JSON: lists and objects are nested more than 50 deep'],
    ],
  ])('is refused with %s', async (_, content, expected) => {
    expect(await faults(content)).toEqual(expected);
  });

  it('is refused with a job over 1 MB, and others are checked', async () => {
    const long = JSON.stringify({ prompt: 'x'.repeat(1_300_000) });
    expect(await faults(`[\n${long},\n{"prompt": ""}\n]`)).toEqual([
      '2:1: job #1: is longer than 1 MB',
      '3:12: job #2: prompt: must not be empty',
    ]);
  });
});

describe('a JSONL file', () => {
  it('has a job on each line, and maybe a header before', async () => {
    const jobs = '{"id": "a", "prompt": "one"}\r\n\r\n  {"id": "b", "prompt": "two"}';
    expect((await read('x.ndjson', jobs)).map((job) => job.output)).toEqual(['x/a.mp4', 'x/b.mp4']);
    const header = '{"batch": "y", "output": "{id}", "defaults": {"duration": 10}}\n';
    expect(await read('x.jsonl', `\ufeff\n${header}${jobs}`)).toMatchObject([
      { output: 'a', input: { duration: 10 } },
      { output: 'b', input: { duration: 10 } },
    ]);
  });

  it('tells the places of what is wrong, the header included', async () => {
    expect(await lines('{"batch": "y", "max_clip": 3}\n{"prompt": ""}\n{"prompt": "x"\nx\n[1]\n{} {}\n')).toEqual([
      '1:16: max_clip: unknown field `max_clip`: did you mean `max_clips`?',
      '2:12: job #1: prompt: must not be empty',
      '4:1: job #2: broken JSON: expected "," or "}", found the end',
      '4:1: job #3: broken JSON: expected a value, found `x`',
      '5:1: job #4: must be a mapping of fields, not a list',
      '6:4: job #5: broken JSON: unexpected `{` after the end of the value',
    ]);
  });

  it('takes a header for one on the first line only', async () => {
    expect(await lines('{"prompt": "x"}\n{"batch": "y"}\n')).toEqual([
      '2:1: job #2: prompt: is required',
      expect.stringContaining('2:2: job #2: batch: unknown field `batch`'),
    ]);
    expect(await lines('{"output": "y"}\n')).toEqual([' has no jobs']);
  });

  it('is refused with a line over 1 MB, and others are checked', async () => {
    expect(await lines(`{"prompt": "${'x'.repeat(1_200_000)}"}\n{"prompt": ""}\n`)).toEqual([
      '1:1: job #1: the job is longer than 1 MB',
      '2:12: job #2: prompt: must not be empty',
    ]);
  });
});
