import { appendFile, mkdir, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openJobsFiles } from '../../../../src/jobs/open.ts';
import { SourceFile } from '../../../../src/jobs/read/source.ts';
import { file, folder, open, read, wrong } from '../files.ts';
import { gather } from '../gather.ts';
import { complaints } from '../library.ts';

const line = (number: number) => `{"id": "n${number}", "prompt": "${'some words '.repeat(10)}"}\n`;
/** Two blocks of a file and a bit. */
const big = Array.from({ length: 1_500 }, (_, number) => line(number)).join('');

/** A file with wrong bytes after a text. */
const at = (text: string, bytes: number[]) =>
  Buffer.concat([Buffer.from(text), Buffer.from(bytes), Buffer.from('\n- prompt: x\n')]);

/** Checks a file, changes it, and reads its jobs. */
const change = async (how: (path: string) => Promise<void>) => {
  const path = await file('jobs.jsonl', big);
  const [opened] = await openJobsFiles([path]);
  await how(path);
  const seen: string[] = [];
  const all = async () => {
    for await (const job of opened?.jobs() ?? []) seen.push(job.id);
  };
  return { message: (await complaints(all()))[0], seen };
};

describe('a file', () => {
  it.each([
    ['empty', '', 'jobs.yaml: has no jobs'],
    ['blank', ' \n\n', 'jobs.yaml: has no jobs'],
    ['of comments', '# nothing\n', 'jobs.yaml: has no jobs'],
    ['of a marker', '---\n...\n', 'jobs.yaml: has no jobs'],
    ['without jobs', 'batch: x\n', 'jobs.yaml: has no jobs'],
    ['with an empty list', 'jobs: []\n', 'jobs.yaml: has no jobs'],
    ['with nothing', 'jobs:\nbatch: x\n', 'jobs.yaml: has no jobs'],
    ['with a misspelt list', 'job:\n- prompt: x\n', 'jobs.yaml:1:1: job: unknown field `job`: did you mean `jobs`?'],
  ])('that is %s is refused', async (_, text, message) => {
    expect(await wrong('jobs.yaml', text)).toEqual([message]);
  });

  it.each(['json', 'jsonl', 'csv'])('that is empty is refused as .%s', async (extension) => {
    const [message] = await wrong(`jobs.${extension}`, '');
    expect(message).toMatch(
      extension === 'json' ? /^jobs\.json:1:1: broken JSON at the end: expected a value$/ : /has no jobs$/,
    );
  });

  it('that is not there, is a folder or has no known name is refused', async () => {
    const path = await folder();
    await mkdir(join(path, 'folder.yaml'));
    await writeFile(join(path, 'x.yam'), '');
    await writeFile(join(path, 'noname'), '');
    const names = ['none.yaml', 'folder.yaml', 'x.yam', 'noname'];
    const known = 'known are .yaml, .yml, .json, .jsonl, .ndjson, .csv';
    expect(await complaints(openJobsFiles(names.map((name) => join(path, name))))).toEqual([
      'none.yaml: cannot be read: no such file',
      'folder.yaml: is a folder',
      `x.yam: has the extension .yam (did you mean .yaml?): ${known}`,
      `noname: has no extension: ${known}`,
    ]);
    expect(await complaints(openJobsFiles([]))).toEqual(['no jobs file is given']);
    expect(await complaints(openJobsFiles(['/dev/null']))).toEqual([
      expect.stringContaining('is not a regular file, and jobs are read twice'),
    ]);
  });

  it.each(['jobs.YAML', 'jobs.yml'])('may be named %s', async (name) => {
    expect(await read(name, '- prompt: x\n')).toHaveLength(1);
  });

  it('must be UTF-8, and the first byte that is not is told', async () => {
    const message = 'is not valid UTF-8 here: save the file as UTF-8';
    expect(await wrong('jobs.yaml', at('- prompt: ł', [0xe9, 0x20]))).toEqual([`jobs.yaml:1:12: ${message}`]);
    expect(await wrong('jobs.jsonl', at(big, [0xff]))).toEqual([`jobs.jsonl:1501:1: ${message}`]);
    expect(await wrong('jobs.yaml', at('x'.repeat(65_535), [0xc5]))).toEqual([`jobs.yaml:1:65536: ${message}`]);
    expect(await wrong('jobs.csv', Buffer.from('\ufeffprompt\nx\n', 'utf16le'))).toEqual([
      'jobs.csv:1:1: is UTF-16: save it as UTF-8',
    ]);
    expect(await wrong('jobs.yaml', Buffer.from([...Buffer.from('- prompt: '), 0xf0, 0x9f]))).toEqual([
      `jobs.yaml:1:11: ${message}`,
    ]);
  });

  it('may have characters across the ends of blocks', async () => {
    for (const shift of [0, 1, 2, 3]) {
      const text = `${'#'.repeat(shift)} ${'🦊ł狐'.repeat(30_000)}`;
      const pieces = await gather(new SourceFile(await file('x', text)).text());
      expect(pieces.join('')).toBe(text);
    }
  });
});

describe('a file that changes after it was checked', () => {
  it('fails when it is longer', async () => {
    const { message, seen } = await change((path) => appendFile(path, line(1_500)));
    expect(message).toBe('jobs.jsonl: changed after it was checked');
    // What the unchanged blocks before hold was checked, and is handed out.
    expect(seen.length).toBeGreaterThan(500);
    expect(seen).toEqual(seen.map((_, number) => `n${number}`));
  });

  it('fails when it is shorter', async () => {
    const { message } = await change((path) => truncate(path, big.length - line(1_499).length));
    expect(message).toBe('jobs.jsonl: changed after it was checked');
  });

  it('fails when it has the same length and times, before any job of the changed part', async () => {
    const { message, seen } = await change(async (path) => {
      await writeFile(path, big.replace('"n7"', '"n8"'));
      await utimes(path, 0, 0);
    });
    expect([message, seen]).toEqual(['jobs.jsonl: changed after it was checked', []]);
  });

  it.each([
    ['jobs.yaml', '- prompt: x\n'],
    ['jobs.json', '[{"prompt": "x"}]'],
    ['jobs.csv', 'prompt\nx\n'],
  ])('fails in every format: %s', async (name, text) => {
    const path = await file(name, text);
    const [opened] = await openJobsFiles([path]);
    await writeFile(path, text.replace('x', 'y'));
    expect(await complaints(gather(opened?.jobs() ?? (async function* () {})()))).toEqual([
      `${name}: changed after it was checked`,
    ]);
  });

  it('fails when it is gone', async () => {
    const { message } = await change((path) => rm(path));
    expect(message).toBe('jobs.jsonl: cannot be read: no such file');
  });

  it('may be touched', async () => {
    const path = await file('jobs.jsonl', line(1));
    const [opened] = await openJobsFiles([path]);
    await writeFile(path, line(1));
    expect(await gather(opened?.jobs() ?? (async function* () {})())).toHaveLength(1);
  });
});

describe('jobs of a file', () => {
  it('may be read again, and left early', async () => {
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
