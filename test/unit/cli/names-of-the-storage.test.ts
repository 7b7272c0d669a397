import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { CliContext } from '../../../src/cli/command-context.ts';
import { closeFiles, openFiles } from '../../../src/cli/jobs-files.ts';
import { loadConfig } from '../../../src/config/config.ts';

it('a name that the storage cannot hold is a mistake before anything is paid for', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'clipmill-names-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, 'jobs.yaml');
  await writeFile(path, '- {prompt: a cat, id: a, output: "{batch}/a.mp4"}\n');
  const context: CliContext = {
    env: {},
    out() {},
    err() {},
    control() {},
    write: async () => {},
    terminal: false,
    columns: () => 80,
    exit() {},
  };
  const open = (storage: string) => openFiles(context, loadConfig({ CLIPMILL_STORAGE: storage }), [path], {});
  await expect(open(`s3://bucket/${'p'.repeat(1_010)}`)).rejects.toThrow('makes a key of 1021 bytes with its prefix');
  await closeFiles(await open('s3://bucket/prefix'));
  await closeFiles(await open(`file:${folder}/videos`));
});
