import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openJobsFiles } from '../../../../src/jobs/open-jobs-files.ts';
import { SourceFile } from '../../../../src/jobs/read/source.ts';
import { file, folder, open, read, wrong } from '../files.ts';
import { gather } from '../gather.ts';
import { complaints } from '../library.ts';

const line = (number: number) => `{"id": "n${number}", "prompt": "${'some words '.repeat(10)}"}\n`;
/** A bit more than two blocks of a file. */
const big = Array.from({ length: 1_500 }, (_, number) => line(number)).join('');

/** Writes a file with invalid bytes after a text. */
const at = (text: string, bytes: number[]) =>
  Buffer.concat([Buffer.from(text), Buffer.from(bytes), Buffer.from('\n- prompt: x\n')]);

const none = 'jobs.yaml: has no jobs: write one per line, as `- a red fox in snow`';

describe('a file', () => {
  it.each([
    ['empty', '', none],
    ['blank', ' \n\n', none],
    ['of comments', '# nothing\n', none],
    ['of a marker', '---\n...\n', none],
    ['without jobs', 'batch: x\n', none],
    ['with an empty list', 'jobs: []\n', none],
    ['with nothing', 'jobs:\nbatch: x\n', none],
    ['with a misspelt list', 'job:\n- prompt: x\n', 'jobs.yaml:1:1: job: unknown field `job`: did you mean `jobs`?'],
  ])('that is %s is refused', async (_, text, message) => {
    expect(await wrong('jobs.yaml', text)).toEqual([message]);
  });

  it.each(['json', 'jsonl', 'csv'])('that is empty is refused as .%s', async (extension) => {
    const [message] = await wrong(`jobs.${extension}`, '');
    expect(message).toMatch(
      extension === 'json' ? /^jobs\.json:1:1: is empty: write `\[/ : /has no jobs: write one per /,
    );
  });

  it.each([
    ['p.txt.gz', 'a cat\n', 'is compressed (.gz): unpack it first'],
    ['a.png', 'x', 'is not a text file (.png): use a file of prompts'],
    ['p.txt', Buffer.from('1f8b0800', 'hex'), 'is compressed: unpack it first'],
    ['p.yaml', Buffer.from('89504e470d0a1a0a00', 'hex'), 'is an image or a video: use a file of prompts'],
    ['p.csv', Buffer.from('504b030414', 'hex'), 'is a document or an archive, not a text file: save it as CSV'],
  ])('that is not text is reported by its type: %s', async (name, content, message) => {
    expect(await wrong(name, content)).toEqual([expect.stringContaining(`${name}: ${message}`)]);
  });

  it('that is given twice, or has a name like another, is refused with a cure', async () => {
    const path = join(await folder(), 'prompts.txt');
    await writeFile(path, 'a cat\n');
    expect(await complaints(openJobsFiles([path, path]))).toEqual([`${path} is given twice: give it once`]);
    expect(await complaints(openJobsFiles([path.replace('prompts', 'promts')]))).toEqual([
      'promts.txt: cannot be read: no such file: did you mean prompts.txt?',
    ]);
  });

  it('that is missing, a folder or of an unknown type is refused', async () => {
    const path = await folder();
    await mkdir(join(path, 'folder.yaml'));
    await writeFile(join(path, 'x.yam'), '');
    await writeFile(join(path, 'noname'), '');
    const names = ['none.yaml', 'folder.yaml', 'x.yam', 'noname'];
    const known = 'add --format txt for one prompt per line, or its format (yaml, json, jsonl, csv, tsv, txt)';
    expect(await complaints(openJobsFiles(names.map((name) => join(path, name))))).toEqual([
      'none.yaml: cannot be read: no such file: check the path',
      'folder.yaml: is a folder: name the files in it',
      `x.yam: has the extension .yam (did you mean .yaml?): ${known}`,
      `noname: has no extension: ${known}`,
    ]);
    expect(await complaints(openJobsFiles([]))).toEqual(['no jobs file is given']);
    expect(await complaints(openJobsFiles(['/dev/null']))).toEqual([expect.stringContaining('is not a regular file')]);
  });

  it.each(['jobs.YAML', 'jobs.yml'])('may be named %s', async (name) => {
    expect(await read(name, '- prompt: x\n')).toHaveLength(1);
  });

  it('must be UTF-8, and the first invalid byte is reported', async () => {
    const message =
      'is not valid UTF-8 here: save the file as UTF-8, or name its encoding with --encoding, such as --encoding windows-1252';
    expect(await wrong('jobs.yaml', at('- prompt: ł', [0xe9, 0x20]))).toEqual([`jobs.yaml:1:12: ${message}`]);
    expect(await wrong('jobs.jsonl', at(big, [0xff]))).toEqual([`jobs.jsonl:1501:1: ${message}`]);
    expect(await wrong('jobs.yaml', at('x'.repeat(65_535), [0xc5]))).toEqual([`jobs.yaml:1:65536: ${message}`]);
    expect(await wrong('jobs.yaml', Buffer.from([...Buffer.from('- prompt: '), 0xf0, 0x9f]))).toEqual([
      `jobs.yaml:1:11: ${message}`,
    ]);
  });

  it('may have characters across block boundaries', async () => {
    for (const shift of [0, 1, 2, 3]) {
      const text = `${'#'.repeat(shift)} ${'🦊ł狐'.repeat(30_000)}`;
      const pieces = await gather(new SourceFile(await file('x', text)).text());
      expect(pieces.join('')).toBe(text);
    }
  });
});

describe('a file that changes', () => {
  it('after the check gives the checked clips', async () => {
    const path = await file('jobs.jsonl', big);
    const [opened] = await openJobsFiles([path]);
    await rm(path);
    expect((await gather(opened?.jobs() ?? (async function* () {})())).length).toBe(1_500);
    await opened?.close();
  });

  it('between its two readings is refused', async () => {
    const path = await file('jobs.yaml', `- prompt: x\n`);
    const source = new SourceFile(path);
    await source.prepare();
    await gather(source.text());
    await writeFile(path, `- prompt: y\n`);
    expect(await complaints(gather(source.text()))).toEqual(['jobs.yaml: changed while it was read']);
  });
});

describe('standard input', () => {
  it('is read as a file of the given format, from a pipe or a file', async () => {
    const stdin = async function* () {
      for (const character of 'jobs:\n- a cat\n- prompt: a {{dog}}\n') yield Buffer.from(character);
    };
    const [opened] = await openJobsFiles(['-'], { format: 'yaml', stdin: stdin() });
    const jobs = await gather(opened?.jobs() ?? (async function* () {})());
    await opened?.close();
    expect([opened?.batch, jobs.map((job) => job.input.prompt)]).toEqual(['stdin', ['a cat', 'a {dog}']]);
  });

  it('needs its format, and is one', async () => {
    expect(await complaints(openJobsFiles(['-']))).toEqual([
      'standard input: has no extension that determines its format: add --format yaml|json|jsonl|csv|tsv|txt',
    ]);
    expect(await complaints(openJobsFiles(['-', '-'], { format: 'txt' }))).toEqual([
      'standard input is given twice: give it once',
    ]);
  });
});

describe('encodings', () => {
  it.each([
    ['UTF-16 as Excel saves it', Buffer.from('\ufeffprompt\nein Füchslein\n', 'utf16le'), undefined],
    ['UTF-16, big end first', Buffer.from('\ufeffprompt\nein Füchslein\n', 'utf16le').swap16(), undefined],
    ['Windows-1252 when it is named', Buffer.from('prompt\nein Füchslein\n', 'latin1'), 'windows-1252'],
  ])('%s is read', async (_, bytes, encoding) => {
    expect((await read('jobs.csv', bytes, { encoding })).map((job) => job.input.prompt)).toEqual(['ein Füchslein']);
  });

  it('that do not exist, or do not fit the file, are refused', async () => {
    expect(await wrong('jobs.csv', 'prompt\nx\n', { encoding: 'klingon' })).toEqual([
      expect.stringContaining('unknown encoding "klingon"'),
    ]);
    expect(await wrong('jobs.txt', Buffer.from('a cat', 'utf16le'))).toEqual([
      'jobs.txt:1:1: is UTF-16 without a byte order mark: add --encoding utf-16le',
    ]);
  });

  it('a replacement character in the file is no mistake', async () => {
    const bytes = Buffer.concat([Buffer.from('a \ufffd cat\nb '), Buffer.from([0xff]), Buffer.from(' c\n')]);
    expect(await wrong('jobs.txt', bytes)).toEqual([expect.stringMatching(/^jobs\.txt:2:3: is not valid UTF-8 here/)]);
  });
});

describe('jobs of a file', () => {
  it('may be read again, and reading may stop early', async () => {
    const opened = await open('jobs.jsonl', big);
    for await (const job of opened.jobs()) {
      expect(job.id).toBe('n0');
      break;
    }
    expect(await gather(opened.jobs())).toHaveLength(1_500);
    const [first, second] = await Promise.all([gather(opened.jobs()), gather(opened.jobs())]);
    expect(first).toEqual(second);
  });
});
