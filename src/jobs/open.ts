import { basename, dirname, extname } from 'node:path';
import { InputError } from '../core/errors.ts';
import { FileCheck } from './compile/check.ts';
import { expandJob } from './compile/expand.ts';
import type { Batch } from './compile/header.ts';
import { ImageFiles } from './image-files.ts';
import type { Job, Totals } from './job.ts';
import { NAME_RULE, isName, slug } from './names.ts';
import { DiagnosticList } from './diagnostics.ts';
import { readerOf } from './read/formats.ts';
import type { Reader } from './read/reader.ts';
import { SourceFile } from './read/source.ts';
import { isFields, plain } from './tree.ts';
import { Uniqueness } from './compile/uniqueness.ts';
import { quote } from './wording.ts';

/** A file of jobs in which everything was checked. */
export interface JobsFile {
  /** As it was given. */
  path: string;
  /** Name of the batch: from the options, the header, or the name of the file. */
  batch: string;
  /** `max_clips` of the header: how many clips the batch may ever pay for. */
  maxClips: number | undefined;
  totals: Totals;
  /** How many local images the jobs name; they need a storage that the API can fetch from. */
  imageFiles: number;
  /**
   * The clips in the order of the file, read again as a stream. May be called more than once.
   * @throws InputError at the first part of the file that is not what was checked
   */
  jobs(): AsyncIterable<Job>;
}

export interface OpenOptions {
  /** The time of `{date}` in output names. Default: now. */
  now?: Date;
  /** Name of the batch of all the files, whatever they say. */
  batch?: string;
}

/**
 * Reads files of jobs and checks them as a whole, with a memory that does not grow with them but for
 * 60 to 120 bytes a clip, given back at the end, and some 400 bytes a local image.
 * @param paths names of files that end in .yaml, .yml, .json, .jsonl, .ndjson or .csv
 * @throws InputError with the mistakes of all files (the first 100, and how many more), each with its place
 */
export async function openJobsFiles(paths: readonly string[], options: OpenOptions = {}): Promise<JobsFile[]> {
  if (paths.length === 0) throw new InputError([{ message: 'no jobs file is given' }]);
  const { batch: override, now = new Date() } = options;
  if (override !== undefined && !isName(override)) {
    throw new InputError([{ field: 'batch', message: `${NAME_RULE}; this one is ${quote(override)}` }]);
  }
  const problems = new DiagnosticList();
  const uniqueness = new Uniqueness((first, current) => {
    return first.file === current.file
      ? `the job at line ${first.line}`
      : `the job at ${paths[first.file]}:${first.line}`;
  });
  const files: JobsFile[] = [];
  for (const [number, path] of paths.entries()) {
    const name = slug(basename(path, extname(path))).slice(0, 128);
    try {
      const source = new SourceFile(path);
      await source.exists();
      const reader = await readerOf(source);
      const check = new FileCheck(path, number, problems, uniqueness);
      const images = new ImageFiles(dirname(path));
      const { batch, totals } = await check.run(reader, { name, override, now, images });
      files.push({
        path,
        batch: batch.name,
        maxClips: batch.maxClips,
        totals,
        imageFiles: images.count,
        jobs: () => jobsOf(path, reader, batch),
      });
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      for (const problem of error.problems) problems.add(problem);
    }
  }
  problems.throwIfAny(paths);
  return files;
}

async function* jobsOf(path: string, reader: Reader, batch: Batch): AsyncGenerator<Job> {
  let index = 1;
  for await (const { tree, place } of reader.jobs()) {
    // The hashes of the file make sure that this does not happen.
    const refuse: () => never = () => {
      throw new InputError([{ file: path, ...place, message: 'is not what was checked' }]);
    };
    const fields = tree === undefined ? refuse() : plain(tree);
    if (!isFields(fields)) refuse();
    for (const clip of expandJob(fields, batch, index, refuse)) {
      yield clip.job;
      index++;
    }
  }
}
