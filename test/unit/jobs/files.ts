import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Job } from '../../../src/jobs/job.ts';
import { openJobsFiles, type JobsFile, type OpenOptions } from '../../../src/jobs/open-jobs-files.ts';
import { gather } from './gather.ts';
import { complaints } from './library.ts';

/** Creates a folder for one test, which is removed when the test ends. */
export async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'clipmill-jobs-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** Writes a file in a new folder. @returns its path */
export async function file(name: string, content: string | Buffer): Promise<string> {
  const path = join(await folder(), name);
  await writeFile(path, content);
  return path;
}

export async function open(name: string, content: string | Buffer, options?: OpenOptions): Promise<JobsFile> {
  const [opened] = await openJobsFiles([await file(name, content)], options);
  if (opened === undefined) throw new Error('no file');
  onTestFinished(() => opened.close());
  return opened;
}

/** Returns the clips of a file. */
export async function read(name: string, content: string | Buffer, options?: OpenOptions): Promise<Job[]> {
  return gather((await open(name, content, options)).jobs());
}

/** Returns the errors of a file. */
export async function wrong(name: string, content: string | Buffer, options?: OpenOptions): Promise<string[]> {
  return complaints(open(name, content, options));
}
