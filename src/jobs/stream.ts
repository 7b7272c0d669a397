import { formatCount } from '../core/format.ts';
import { InputError } from '../core/errors.ts';
import { JobCompiler } from './compile/compile.ts';
import { expandJob } from './compile/expand.ts';
import { compileHeader, type NameFault } from './compile/header.ts';
import { ImageFiles } from './image-files.ts';
import type { Budget, Job, JobDefaults, JobInput } from './job.ts';
import { NAME_RULE } from './names.ts';
import { MAX_CLIPS_PER_FILE } from './size-limits.ts';
import { jobShape } from './schema.ts';
import { formatPath, isFields, type Fields, type Report } from './tree.ts';
import { Uniqueness } from './compile/uniqueness.ts';
import { kindOf, truncate } from './messages.ts';

/** Options of the library for all jobs of a call. */
export interface BatchInput {
  /** 1 to 128 letters, digits, ".", "_" or "-", beginning with a letter or digit. */
  batch: string;
  /** Template of the names of clips. Default: `{batch}/{id}.mp4`. */
  output?: string | undefined;
  /** Maximum number of clips that the batch may pay for, at least 1; `none` removes the budget. Default: the existing budget, or none. */
  maxClips?: Budget | undefined;
  defaults?: JobDefaults | undefined;
}

export interface ExpandOptions {
  /** `{index}` of the first clip. Default: 1. */
  firstIndex?: number;
  /** Maximum number of clips of a call. Default: 1,000,000. */
  maxItems?: number;
  /** Returns why the storage cannot hold a name. Default: any name is accepted. */
  nameFault?: NameFault;
  /** The time of `{date}` in output names. Default: now. */
  now?: Date;
  /** Base of relative paths of images. Default: the working folder. */
  folder?: string;
  /** Whether images may be outside that folder. Default false. */
  allowImagesOutside?: boolean;
}

/**
 * Checks jobs and yields their clips, by the rules of a jobs file. An error in a job is thrown after the clips of the
 * jobs before it were yielded.
 * @throws InputError at the first invalid job, with all its errors; `job` is its id, or `#n` from 1
 */
export async function* expandJobs(
  jobs: Iterable<JobInput | string> | AsyncIterable<JobInput | string>,
  header: BatchInput,
  options: ExpandOptions = {},
): AsyncGenerator<Job> {
  const { batch: name, output, maxClips, defaults } = header;
  const facts = { batch: name, output, max_clips: maxClips, defaults };
  const images = new ImageFiles(options.folder ?? process.cwd(), options.allowImagesOutside);
  await images.read(defaults);
  const batch = collect(undefined, (report) => {
    if (name === undefined) report({ path: ['batch'], message: NAME_RULE });
    const { now = new Date(), nameFault } = options;
    return compileHeader(facts, { name: 'batch', now, images, nameFault }, report);
  });
  const compiler = new JobCompiler(batch);
  const uniqueness = new Uniqueness((first) => `job #${first.job}`);
  let number = 0;
  const { firstIndex = 1, maxItems = MAX_CLIPS_PER_FILE } = options;
  let index = firstIndex;
  for await (const given of jobs) {
    number++;
    const job = fieldsOf(given);
    await images.read(job);
    const label = isFields(job) && typeof job.id === 'string' && job.id !== '' ? truncate(job.id) : `#${number}`;
    const clips = collect(label, (report) => clipsOf(job, compiler, uniqueness, { number, index }, report));
    if (index - firstIndex + clips.length > maxItems) {
      const most = formatCount(maxItems);
      throw new InputError([
        { job: label, message: `more than ${most} clips in one call: CLIPMILL_MAX_ITEMS allows no more` },
      ]);
    }
    for (const clip of clips) yield clip;
    index += clips.length;
  }
}

/** Returns the fields of a job. A string is a prompt. Inherited properties, such as getters of a class, count as well. */
function fieldsOf(job: unknown): unknown {
  if (typeof job === 'string') return { prompt: job };
  if (!isFields(job) || [Object.prototype, null].includes(Object.getPrototypeOf(job))) return job;
  const fields: Fields = { ...job };
  for (const name of Object.keys(jobShape))
    if (!Object.hasOwn(fields, name) && job[name] !== undefined) fields[name] = job[name];
  return fields;
}

/** Returns all clips of a job at once, so that an invalid job yields none. */
function clipsOf(
  job: unknown,
  compiler: JobCompiler,
  uniqueness: Uniqueness,
  at: { number: number; index: number },
  report: Report,
): Job[] {
  if (!isFields(job)) {
    report({ path: [], message: `must be a string or an object of fields, not ${kindOf(job)}` });
    return [];
  }
  const owner = { file: 0, line: 0, job: at.number };
  const clips: Job[] = [];
  for (const clip of expandJob(job, compiler, at.index, report)) {
    const issue = uniqueness.check(compiler.batch.name, clip, owner);
    if (issue !== undefined) {
      report(issue);
      break;
    }
    if (clip.job !== undefined) clips.push(clip.job);
  }
  return clips;
}

/** Runs a check, and throws an InputError with everything that it reports. */
function collect<T>(job: string | undefined, check: (report: Report) => T): T {
  const problems: { job?: string; field?: string; message: string }[] = [];
  const result = check(({ path, message }) => {
    problems.push({
      ...(job !== undefined && { job }),
      ...(path.length > 0 && { field: truncate(formatPath(path)) }),
      message,
    });
  });
  if (problems.length > 0) throw new InputError(problems);
  return result;
}
