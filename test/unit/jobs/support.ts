import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { formatProblem, InputError } from '../../../src/errors.ts';
import { expandJobs, openJobsFiles, type BatchInput, type Job, type JobInput } from '../../../src/jobs/index.ts';
import type { JobsFile, OpenOptions } from '../../../src/jobs/index.ts';

/** A folder of this test's own, removed when it ends. */
export async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'clipmill-jobs-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** Writes a file into a folder of its own; gives its path. */
export async function file(name: string, content: string | Buffer): Promise<string> {
  const path = join(await folder(), name);
  await writeFile(path, content);
  return path;
}

export async function open(name: string, content: string | Buffer, options?: OpenOptions): Promise<JobsFile> {
  const [opened] = await openJobsFiles([await file(name, content)], options);
  if (opened === undefined) throw new Error('no file');
  return opened;
}

export async function gather<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** The clips of a file. */
export async function read(name: string, content: string | Buffer, options?: OpenOptions): Promise<Job[]> {
  return gather((await open(name, content, options)).jobs());
}

/** What is wrong, as it is printed, without the folder of the files. */
export async function complaints(work: Promise<unknown>): Promise<string[]> {
  const error = await work.then(
    () => new Error('nothing was wrong'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof InputError)) throw error;
  return error.problems.map((problem) => {
    const text = formatProblem(problem);
    return problem.file === undefined ? text : text.replaceAll(`${dirname(problem.file)}/`, '');
  });
}

/** What is wrong with a file. */
export async function wrong(name: string, content: string | Buffer, options?: OpenOptions): Promise<string[]> {
  return complaints(open(name, content, options));
}

/** The clips of jobs given to the library, in the batch `b`. */
export async function expand(jobs: readonly unknown[], header: Partial<BatchInput> = {}): Promise<Job[]> {
  return gather(expandJobs(jobs as JobInput[], { batch: 'b', ...header }, { now: new Date('2026-02-03T23:30:00Z') }));
}

/** What is wrong with the first bad job given to the library. */
export async function refused(jobs: readonly unknown[], header: Partial<BatchInput> = {}): Promise<string[]> {
  return complaints(expand(jobs, header));
}
