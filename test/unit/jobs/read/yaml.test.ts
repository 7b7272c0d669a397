import { describe, expect, it } from 'vitest';
import { read, wrong } from '../files.ts';

/** Returns ids and prompts of the clips of a YAML file. */
const clips = async (text: string) => (await read('jobs.yaml', text)).map((job) => [job.id, job.input.prompt]);
const faults = (text: string) => wrong('jobs.yaml', text);

describe('a block list of jobs', () => {
  const expected = [
    ['a', 'first'],
    ['b', 'second'],
  ];

  it.each([
    ['indented', 'jobs:\n  - id: a\n    prompt: first\n  - id: b\n    prompt: second\n'],
    ['not indented', 'jobs:\n- id: a\n  prompt: first\n- id: b\n  prompt: second\n'],
    ['without a line end', 'jobs:\n- id: a\n  prompt: first\n- id: b\n  prompt: second'],
    ['with CRLF', 'jobs:\r\n- id: a\r\n  prompt: first\r\n\r\n- id: b\r\n  prompt: second\r\n'],
    ['with a BOM', '\ufeffjobs:\n- {id: a, prompt: first}\n- {id: b, prompt: second}\n'],
    ['as the whole file', '- id: a\n  prompt: first\n- id: b\n  prompt: second\n'],
    ['as the whole file, indented', '# jobs\n\n  - id: a\n    prompt: first\n  - id: b\n    prompt: second\n'],
    ['below an indented root', '  batch: x\n  jobs:\n    - {id: a, prompt: first}\n    - {id: b, prompt: second}\n'],
    [
      'after a marker',
      '%YAML 1.2\n--- # here\njobs:\n- {id: a, prompt: first}\n- {id: b, prompt: second}\n...\n# end\n',
    ],
    ['with a quoted key', '"jobs" : # all\n\n# of\n  - {id: a, prompt: first}\n  - {id: b, prompt: second}\n'],
    ['with its fields on the next line', 'jobs:\n-\n  id: a\n  prompt: first\n- # b\n  id: b\n  prompt: second\n'],
    ['with wide dashes', 'jobs:\n-   id: a\n    prompt: first\n-     {id: b, prompt: second}\n'],
    ['of several lines in brackets', 'jobs:\n- {\n  id: a,\n  prompt: first\n  }\n- {id: b,\n   prompt: second}\n'],
    [
      'with comments anywhere',
      '# 1\njobs:\n# 2\n  # 3\n  - id: a # 4\n# 5\n    prompt: first\n# - 6\n  - id: b\n    prompt: second # 7\n# 8',
    ],
  ])('%s', async (_, text) => {
    expect(await clips(text)).toEqual(expected);
  });

  it.each([
    ['literal', '  - prompt: |-\n      one\n      - two\n\n      # three\n    id: a\n', 'one\n- two\n\n# three'],
    ['literal, to the end', '  - id: a\n    prompt: |\n      one\n\n        two\n\n\n', 'one\n\n  two'],
    ['folded', '  - id: a\n    prompt: >-\n      one\n      two\n\n      three\n', 'one two\nthree'],
    [
      'double-quoted',
      '  - id: a\n    prompt: "one\n      - two: {\n\n      # three \\u0041\\\n      B"\n',
      'one - two: {\n# three AB',
    ],
    ['single-quoted', "  - id: a\n    prompt: 'one\n      ''two'' - x\n      \"'\n", "one 'two' - x \""],
    ['plain', '  - id: a\n    prompt: one\n      - two\n      "three\n', 'one - two "three'],
    ['plain with brackets', '  - id: a\n    prompt: one [two, {three\n', 'one [two, {three'],
  ])('may have texts of several lines: %s', async (_, job, prompt) => {
    const other = '  - id: z\n    prompt: other\n';
    expect(await clips(`jobs:\n${job}${other}`)).toEqual([
      ['a', prompt],
      ['z', 'other'],
    ]);
    expect(await clips(`jobs:\n${other}${job}`)).toEqual([
      ['z', 'other'],
      ['a', prompt],
    ]);
  });

  it('may be followed by the header', async () => {
    const text =
      'jobs:\n- id: a\n  prompt: "{x}"\n  matrix:\n    x: [1]\n# end\nbatch: late\ndefaults:\n  priority: 3\n';
    const [job] = await read('jobs.yaml', text);
    expect(job).toMatchObject({ id: 'a-1', priority: 3, output: 'late/a-1.mp4' });
  });

  it('may be split anywhere by the blocks of a file', async () => {
    // Three-byte characters, so that blocks end within a character.
    const foxes = '狐'.repeat(150);
    const jobs = Array.from(
      { length: 300 },
      (_, number) => `- id: n${number}\n  prompt: "${foxes} ${number}\n    x"\n`,
    );
    const all = await clips(`jobs:\n${jobs.join('')}`);
    expect(all).toHaveLength(300);
    for (const [number, clip] of all.entries()) expect(clip).toEqual([`n${number}`, `${foxes} ${number} x`]);
  });
});

describe('YAML that is not a block list', () => {
  it.each([
    ['a flow list', 'batch: x\njobs: [{id: a, prompt: one}]\noutput: "{id}"\n'],
    ['a flow list on the next line', 'batch: x\njobs:\n  [{id: a, prompt: one},\n  ]\noutput: "{id}"\n'],
    ['a flow mapping', '{batch: x, output: "{id}", jobs: [{id: a, prompt: one}]}\n'],
    ['JSON', '{"batch": "x", "output": "{id}",\n"jobs": [\n{"id": "a", "prompt": "one"}\n]\n}\n'],
    ['a marked mapping', '--- {batch: x, output: "{id}", jobs: [{id: a, prompt: one}]}\n'],
    ['explicit keys', '? batch\n: x\n? output\n: "{id}"\n? jobs\n: - id: a\n    prompt: one\n'],
    ['an anchored list', 'batch: x\noutput: "{id}"\njobs: &all\n  - id: a\n    prompt: one\n'],
  ])('%s is read as a whole', async (_, text) => {
    expect(await read('jobs.yaml', text)).toMatchObject([{ id: 'a', output: 'a', input: { prompt: 'one' } }]);
  });

  it('also has places', async () => {
    expect(await faults('{batch: x y,\n jobs: [{id: a, prompt: one,\n   duration: 3}, 7]}\n')).toEqual([
      'jobs.yaml:1:9: batch: must be 1 to 128 letters, digits, ".", "_" or "-", and begin with a letter or digit',
      'jobs.yaml:3:14: job a: duration: must be 5 or 10',
      'jobs.yaml:3:18: job #2: must be text or a mapping of fields, not a number',
    ]);
    expect(await faults('jobs: {a: 1}\n')).toEqual(['jobs.yaml:1:7: jobs: must be a list of jobs']);
    expect(await faults('jobs: text\n')).toEqual(['jobs.yaml:1:7: jobs: must be a list of jobs']);
  });

  it('is refused above 250 KB, with a cure', async () => {
    const job = `{prompt: ${'x'.repeat(900)}},\n`;
    expect(await faults(`jobs: [\n${job.repeat(280)}]\n`)).toEqual([
      'jobs.yaml:1:1: is over 250 KB and not a block list: write each job as "- …" below `jobs:`, or use JSONL; use --format txt for one prompt per line',
    ]);
  });
});

describe('anchors', () => {
  it('of the header stand for their values in jobs', async () => {
    const text =
      'defaults: &all\n  prompt: &p a fox\n  duration: 10\n' +
      'jobs:\n- {id: a, prompt: *p}\n- <<: *all\n  id: b\n  duration: 5\n- id: c\n  prompt: &own mine\n  output: *own\n';
    const jobs = await read('jobs.yaml', text);
    expect(jobs.map((job) => [job.id, job.input.prompt, job.input.duration, job.output])).toEqual([
      ['a', 'a fox', 10, 'jobs/a.mp4'],
      ['b', 'a fox', 5, 'jobs/b.mp4'],
      ['c', 'mine', 10, 'mine'],
    ]);
  });

  it('may be in fields that begin with x-', async () => {
    const text =
      'x-looks:\n  warm: &warm {prompt: a fox, sound: false}\nbatch: b\njobs:\n- {<<: *warm, id: a}\nx-note: # nothing\n';
    expect(await read('jobs.yaml', text)).toMatchObject([
      { output: 'b/a.mp4', input: { prompt: 'a fox', sound: false } },
    ]);
    expect(await faults('- {id: a, prompt: x, x-note: 1}\n')).toEqual([
      expect.stringMatching(/^jobs.yaml:1:22: job a: x-note: unknown field `x-note`/),
    ]);
  });

  it('that are redefined mean the last definition above, in any job', async () => {
    const text =
      "x-look: &look {aspect_ratio: '16:9'}\njobs:\n- {prompt: wide, <<: *look}\n- &look\n  prompt: tall\n  aspect_ratio: '9:16'\n" +
      '- {<<: *look, prompt: should be tall as well}\nx-look-2: &look {aspect_ratio: "1:1"}\n';
    expect((await read('jobs.yaml', text)).map(({ input }) => 'aspect_ratio' in input && input.aspect_ratio)).toEqual([
      '16:9',
      '9:16',
      '9:16',
    ]);
  });

  it('that PyYAML writes for lists that jobs share are read', async () => {
    const text =
      '- image_urls: &id001\n  - https://example.com/1.png\n  prompt: a\n- image_urls: *id001\n  prompt: b\n';
    expect((await read('jobs.yaml', text)).map(({ input }) => 'image_urls' in input && input.image_urls)).toEqual([
      ['https://example.com/1.png'],
      ['https://example.com/1.png'],
    ]);
  });

  it('of jobs cannot be redefined below the jobs', async () => {
    const text = 'x-a: &a {sound: true}\njobs:\n- &a {prompt: x}\ndefaults: *a\n';
    expect(await faults(text)).toEqual([
      'jobs.yaml:4:11: job #1: the anchor of `*a` is set in a job: move this above `jobs`',
    ]);
  });

  it('of the part below the jobs do not', async () => {
    expect(
      await faults(
        'jobs:\n- {id: a, prompt: &x one}\n- {id: b, prompt: *x}\n- {id: c, prompt: *y}\ndefaults: {prompt: &y two}\n',
      ),
    ).toEqual(['jobs.yaml:4:19: job c: no anchor `&y` above this alias']);
  });

  it('that multiply are refused', async () => {
    const bomb = Array.from({ length: 9 }, (_, level) => {
      return `  a${level + 1}: &a${level + 1} [${Array(9).fill(`*a${level}`).join(', ')}]\n`;
    });
    const text = `defaults:\n  a0: &a0 [x]\n${bomb.join('')}jobs:\n- prompt: x\n`;
    expect(await faults(text)).toContainEqual(
      expect.stringMatching(/^jobs\.yaml:7:\d+: aliases expand to more than 100,000 values here/),
    );
    expect(await faults(`- image_urls: &a [*a]\n  prompt: x\n  mode: image-to-video\n`)).toEqual([
      'jobs.yaml:1:19: job #1: no anchor `&a` above this alias',
    ]);
  });

  it('may be many in a file that is read as a whole', async () => {
    const jobs = Array.from({ length: 500 }, (_, number) => `{<<: *base, id: n${number}}`);
    expect(await clips(`{defaults: {priority: 1}, jobs: [&base {id: a, prompt: x}, ${jobs.join(',')}]}`)).toHaveLength(
      501,
    );
  });

  it('merge mappings only', async () => {
    expect(await faults('- <<: text\n  prompt: x\n')).toEqual([
      'jobs.yaml:1:7: job #1: `<<` requires a mapping, or an alias of one',
    ]);
    expect(await clips('- <<: [{prompt: one}, {prompt: two, id: a}]\n')).toEqual([['a', 'one']]);
  });
});

describe('invalid YAML is reported with its place:', () => {
  const deep = 'lists and mappings are nested more than 50 deep: is a bracket not closed, or its content not indented?';
  const quoted = 'text after the end of the value: put the whole value in quotes';

  it.each([
    ['an open quote', '- id: a\n  prompt: "one\n  duration: 5\n', ['2:11: job #1: this quote is not closed']],
    ['an open single quote', "- prompt: 'one\n- prompt: two\n", ['1:11: job #1: this quote is not closed']],
    [
      'a colon in a text',
      '- prompt: one: two\n',
      ['1:11: job #1: text with ": " in it must be in quotes; a field must be indented like those above it'],
    ],
    ['braces at the beginning', '- prompt: {a} runs\n', [`1:15: job #1: ${quoted}`]],
    ['text behind quotes', '- prompt: "one" two\n', [`1:17: job #1: ${quoted}`]],
    [
      'a reserved character',
      '- prompt: @one\n',
      ['1:11: job #1: text that begins with this character must be in quotes'],
    ],
    ['tabs', '- id: a\n\tprompt: one\n', ['2:2: job #1: tabs cannot indent in YAML: use spaces']],
    [
      'no space after a colon',
      '- id:a\n  prompt: x\n',
      ['1:3: job #1: a field needs ": " after its name, on the same line'],
    ],
    [
      'a tag',
      '- prompt: !secret x\n',
      ['1:11: job #1: the tag `!secret` is not supported: remove it, or put the text in quotes'],
    ],
    ['a known tag', '- prompt: !!binary aGk=\n', ['1:20: job #1: the tag `tag:yaml.org,2002:binary` is not supported']],
    ['a field twice', '- prompt: x\n  id: a\n  prompt: y\n', ['3:3: job a: prompt: is given twice: first at line 1']],
    ['a name that is none', '- prompt: x\n  ? [a]\n  : y\n', ['2:5: job #1: the name of a field must be text']],
    [
      'a header field twice',
      'batch: a\nbatch: b\njobs:\n- prompt: x\n',
      ['2:1: batch: is given twice: first at line 1'],
    ],
    [
      'jobs twice',
      'jobs:\n- prompt: x\nbatch: b\njobs:\n- prompt: y\n',
      ['4:1: jobs: is given twice: first at line 1'],
    ],
    [
      'a header field on both sides',
      'batch: a\njobs:\n- prompt: x\nbatch: b\n',
      ['4:1: batch: is given twice: first at line 1'],
    ],
    [
      'two documents',
      'jobs:\n- prompt: x\n---\njobs: []\n',
      ['3:1: several YAML documents: a jobs file must be one document, with each job as `- …` in one list'],
    ],
    [
      'two documents in one line',
      '--- {jobs: []}\n--- {jobs: []}\n',
      ['2:1: several YAML documents: a jobs file must be one document, with each job as `- …` in one list'],
    ],
    [
      'text after the end',
      '- prompt: x\n...\nmore\n',
      ['3:1: several YAML documents: a jobs file must be one document, with each job as `- …` in one list'],
    ],
    ['YAML 1.1', '%YAML 1.1\n---\n- prompt: x\n', ['1:1: only the directive `%YAML 1.2` is supported']],
    [
      'a header that is none',
      'just text\n',
      ['1:1: must be a mapping with `jobs`, or a list of jobs; use --format txt for one prompt per line'],
    ],
    [
      'a list in the header',
      'batch: x\n- y\njobs:\n- prompt: x\n',
      ['2:1: a field needs ": " after its name, on the same line'],
    ],
    [
      'a dash that is not in line',
      'jobs:\n  - prompt: x\n- prompt: y\n',
      [expect.stringContaining('3:1: job #1: invalid YAML')],
    ],
    [
      'a field that is not in line',
      '- id: a\n  prompt: x\n sound: true\n',
      [expect.stringContaining('3:1: job #1: invalid YAML')],
    ],
    ['an empty job', '- prompt: x\n-\n', ['2:1: job #2: is empty']],
    [
      'a job that is a number',
      '- prompt: x\n- 7\n',
      ['2:3: job #2: must be text or a mapping of fields, not a number'],
    ],
    ['an empty field', '- prompt:\n', ['1:3: job #1: prompt: is empty: give it a value or leave it out']],
    ['deep nesting', `- prompt: ${'['.repeat(400)}${']'.repeat(400)}\n`, ['1:61: job #1: ' + deep]],
    ['deeper nesting', `- prompt: ${'['.repeat(200_000)}`, ['1:61: job #1: ' + deep]],
    ['nested dashes', `- prompt:\n  ${'- '.repeat(400_000)}\n`, ['2:102: job #1: ' + deep]],
    [
      'brackets that are not indented',
      `jobs: [\n${'{id: a, prompt: "x", duration: 5},\n'.repeat(7_000)}]\n`,
      ['26:70: ' + deep],
    ],
  ])('%s', async (_, text, expected) => {
    expect((await faults(text)).map((line) => line.replace('jobs.yaml:', ''))).toEqual(expected);
  });

  it('all of it, in every job', async () => {
    const text = 'jobs:\n- prompt: "one\n- prompt: two\n  duration: 4\n- prompt: a: b\n- prompt: @\n';
    expect((await faults(text)).map((line) => line.split(': ').slice(0, 3).join(': '))).toEqual([
      'jobs.yaml:2:11: job #1: this quote is not closed',
      'jobs.yaml:4:13: job #2: duration',
      'jobs.yaml:5:11: job #3: text with "',
      'jobs.yaml:6:11: job #4: text that begins with this character must be in quotes',
    ]);
  });

  it('a job over 1 MB, and the jobs around it are checked', async () => {
    const long = 'x'.repeat(1_000_001);
    const lines = `- prompt: |\n${'    line of text\n'.repeat(70_000)}`;
    const text = `jobs:\n- prompt: a\n  duration: 4\n- prompt: ${long}\n${lines}- prompt: b\n  duration: 4\n`;
    expect(await faults(text)).toEqual([
      'jobs.yaml:3:13: job #1: duration: must be 5 or 10',
      'jobs.yaml:4:1: job #2: the job is longer than 1 MB',
      'jobs.yaml:5:1: job #3: the job is longer than 1 MB',
      'jobs.yaml:70007:13: job #4: duration: must be 5 or 10',
    ]);
    expect(await faults(`batch: ${long}\njobs:\n- prompt: x\n`)).toEqual([
      'jobs.yaml:1:1: the text around the jobs is longer than 1 MB',
    ]);
  });
});
