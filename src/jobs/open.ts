import { realpath } from 'node:fs/promises';
import { basename, dirname, extname } from 'node:path';
import { InputError, type Diagnostic } from '../core/errors.ts';
import { FileCheck } from './compile/check.ts';
import type { NameFault } from './compile/header.ts';
import { ImageFiles } from './image-files.ts';
import type { Budget, Job, Totals } from './job.ts';
import { slug } from './names.ts';
import { DiagnosticList } from './diagnostics.ts';
import { MAX_CLIPS_PER_FILE } from './limits.ts';
import { checkOptions, type JobOptions } from './options.ts';
import { emptyHint, readerOf, type Format } from './read/formats.ts';
import { SourceFile } from './read/source.ts';
import { Spool } from './spool.ts';
import { Uniqueness } from './compile/uniqueness.ts';
import { counted, quote } from './messages.ts';

/** A file of jobs in which everything was checked. */
export interface JobsFile {
  /** As it was given; `standard input` for `-`. */
  path: string;
  /** Where the jobs come from, the same from whichever folder the command is called. */
  source: string;
  /** Name of the batch: from the options, the header, or the name of the file. */
  batch: string;
  /** Clips that the batch may ever pay for, where the file or the options limit them. */
  maxClips: Budget | undefined;
  totals: Totals;
  /** How many local images the jobs name; they need a storage that the API can fetch from. */
  imageFiles: number;
  /** Notes that are no mistakes, a line each. */
  notices: readonly string[];
  /** The clips in the order of the file, from a spool. May be called more than once. */
  jobs(): AsyncIterable<Job>;
  /** Removes the spool. */
  close(): Promise<void>;
}

export interface OpenOptions extends JobOptions {
  /** The time of `{date}` in output names. Default: now. */
  now?: Date;
  /** Format of all the files. Default: by their extensions. */
  format?: Format | undefined;
  /** Encoding of all the files. Default: UTF-8, or UTF-16 after a byte order mark. */
  encoding?: string | undefined;
  /** Where `-` is read from. Default: standard input. */
  stdin?: AsyncIterable<Buffer>;
  /** Most clips of a file. Default: 1,000,000. */
  maxItems?: number;
  /** What the storage cannot take as a name. */
  nameFault?: NameFault;
  /** Whether `image_files` may lie outside the folder of their jobs file. Default false. */
  allowImagesOutside?: boolean;
}

/**
 * Reads files of jobs, each once, and checks them as a whole. Their clips go to a spool in the temporary
 * folder, so that memory does not grow with them but for 60 to 120 bytes a clip, given back at the end, and
 * some 400 bytes a local image.
 * @param paths names of files, or `-`
 * @throws InputError with the mistakes of all files (the first 100, and how many more), each with its place
 */
export async function openJobsFiles(paths: readonly string[], options: OpenOptions = {}): Promise<JobsFile[]> {
  if (paths.length === 0) throw new InputError([{ message: 'no jobs file is given' }]);
  const twice = paths.find((path, number) => paths.indexOf(path) < number);
  if (twice !== undefined) throw new InputError([{ message: `${nameOf(twice)} is given twice: give it once` }]);
  const list = new DiagnosticList();
  const checked = checkOptions(options, (diagnostic) => list.add(diagnostic));
  // Without its columns right, every job would be wrong.
  if ((options.columns?.size ?? 0) > checked.renames.size) list.throwIfAny();
  const names = paths.map(nameOf);
  const uniqueness = new Uniqueness(
    (first, current) =>
      first.file === current.file ? `the job at line ${first.line}` : `the job at ${names[first.file]}:${first.line}`,
    'give each an id, use `copies: 2`, or skip such jobs with --duplicates skip',
  );
  const files: JobsFile[] = [];
  try {
    for (const [number, path] of paths.entries()) {
      try {
        files.push(await openFile(path, number, options, checked, list, uniqueness));
      } catch (error) {
        if (!(error instanceof InputError)) throw error;
        for (const problem of error.problems) list.add(problem);
      }
    }
    for (const diagnostic of budgetConflicts(files)) list.add(diagnostic);
    list.throwIfAny(names);
    return files;
  } catch (error) {
    await Promise.all(files.map((file) => file.close()));
    throw error;
  }
}

async function openFile(
  path: string,
  number: number,
  options: OpenOptions,
  checked: ReturnType<typeof checkOptions>,
  list: DiagnosticList,
  uniqueness: Uniqueness,
): Promise<JobsFile> {
  const { encoding, stdin, format, now = new Date(), maxItems = MAX_CLIPS_PER_FILE } = options;
  const notices: string[] = [];
  const source = new SourceFile(path, nameOf(path), { encoding, ...(stdin && { stdin }) });
  const spool = Spool.create();
  try {
    if (path !== '-') await source.prepare();
    const reader = await readerOf(source, format, {
      renames: checked.renames,
      set: new Set(Object.keys(checked.set)),
      flags: options.flags,
      notice: (text) => addNotice(notices, text),
    });
    if (path === '-') await source.prepare();
    const check = new FileCheck(
      {
        path: source.name,
        file: number,
        empty: emptyHint(source.path, format),
        maxItems,
        duplicates: options.duplicates ?? 'refuse',
        renames: checked.renames,
        keep: (job) => spool.write(`${JSON.stringify(job)}\n`),
      },
      list,
      uniqueness,
    );
    const images = new ImageFiles(path === '-' ? '.' : dirname(path), options.allowImagesOutside);
    const { batch, totals, duplicates } = await check.run(reader, {
      name: path === '-' ? 'stdin' : slug(basename(path, extname(path))).slice(0, 128),
      override: { batch: checked.batch, output: checked.output, maxClips: checked.maxClips },
      set: checked.set,
      faulty: checked.faulty,
      extraFields: options.variables || checked.renames.size > 0 ? 'variables' : 'refuse',
      nameFault: options.nameFault,
      now,
      images,
    });
    if (duplicates > 0) notices.push(`${counted(duplicates, 'clip')} of a content that another job has skipped`);
    return {
      path: source.name,
      source: path === '-' ? '-' : await realpath(path).catch(() => path),
      batch: batch.name,
      maxClips: batch.maxClips,
      totals,
      imageFiles: images.count,
      notices,
      jobs: () => jobsIn(spool),
      close: () => spool.close(),
    };
  } catch (error) {
    await spool.close();
    throw error;
  } finally {
    await source.close();
  }
}

function nameOf(path: string): string {
  return path === '-' ? 'standard input' : path;
}

async function* jobsIn(spool: Spool): AsyncGenerator<Job> {
  // What this process wrote itself.
  for await (const line of spool.lines()) yield JSON.parse(line) as Job;
}

/** Notices of one kind that are kept. */
const MAX_NOTICES = 20;

function addNotice(notices: string[], text: string): void {
  if (notices.length < MAX_NOTICES) notices.push(text);
  else if (notices.length === MAX_NOTICES) notices.push('… and more of the kind');
}

/** A batch has one budget: files that give it different ones are a mistake, whichever is read first. */
function budgetConflicts(files: readonly JobsFile[]): Diagnostic[] {
  const first = new Map<string, JobsFile>();
  const conflicts: Diagnostic[] = [];
  for (const file of files) {
    if (file.maxClips === undefined) continue;
    const other = first.get(file.batch);
    if (other === undefined) first.set(file.batch, file);
    else if (other.maxClips !== file.maxClips) {
      const message = `is ${file.maxClips} here and ${other.maxClips} in ${other.path}, and both are for the batch ${quote(file.batch)}: give one figure, or each file a batch of its own`;
      conflicts.push({ file: file.path, field: 'max_clips', message });
    }
  }
  return conflicts;
}

/** Returns a line for each batch that several files share without asking for it by name. */
export function sharedBatches(files: readonly JobsFile[]): string[] {
  const byBatch = new Map<string, JobsFile[]>();
  for (const file of files) byBatch.set(file.batch, [...(byBatch.get(file.batch) ?? []), file]);
  return [...byBatch]
    .filter(([, sharing]) => sharing.length > 1)
    .map(
      ([batch, sharing]) =>
        `${sharing.map(({ path }) => path).join(' and ')} share the batch ${quote(batch)}, its folder and its budget; \`batch:\` in a file gives it one of its own`,
    );
}
