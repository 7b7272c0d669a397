import { dirname } from 'node:path';
import { formatDiagnostic, InputError } from '../../../src/core/errors.ts';
import type { Job, JobInput } from '../../../src/jobs/job.ts';
import { expandJobs, type BatchInput } from '../../../src/jobs/stream.ts';
import { gather } from './gather.ts';

/** Returns the errors as printed, without the folder of the files. */
export async function complaints(work: Promise<unknown>): Promise<string[]> {
  const error = await work.then(
    () => new Error('nothing was wrong'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof InputError)) throw error;
  return error.problems.map((problem) => {
    const text = formatDiagnostic(problem);
    return problem.file === undefined ? text : text.replaceAll(`${dirname(problem.file)}/`, '');
  });
}

/** Returns the clips of jobs of the library, in the batch `b`. */
export async function expand(jobs: readonly unknown[], header: Partial<BatchInput> = {}): Promise<Job[]> {
  return gather(expandJobs(jobs as JobInput[], { batch: 'b', ...header }, { now: new Date('2026-02-03T23:30:00Z') }));
}

/** Returns the errors of the first invalid job of the library. */
export async function refused(jobs: readonly unknown[], header: Partial<BatchInput> = {}): Promise<string[]> {
  return complaints(expand(jobs, header));
}
