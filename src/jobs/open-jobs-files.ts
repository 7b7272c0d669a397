import { realpath } from 'node:fs/promises';
import { basename, dirname, extname } from 'node:path';
import { InputError, type Diagnostic } from '../core/errors.ts';
import { FileCheck } from './compile/check.ts';
import type { NameFault } from './compile/header.ts';
import { ImageFiles } from './image-files.ts';
import type { Budget, Job, Totals } from './job.ts';
import { slug } from './names.ts';
import { DiagnosticList } from './diagnostics.ts';
import { MAX_CLIPS_PER_FILE } from './size-limits.ts';
import { checkOptions, type JobOptions } from './job-options.ts';
import { emptyHint, readerOf, type Format } from './read/formats.ts';
import { SourceFile } from './read/source.ts';
import { Spool } from './spool.ts';
import { Uniqueness } from './compile/uniqueness.ts';
import { quote } from './messages.ts';
import { plural } from '../core/format.ts';

/** A checked jobs file. */
export interface JobsFile {
  /** The path as given; `standard input` for `-`. */
  path: string;
  /** Absolute path of the file, independent of the working folder; `-` for standard input. */
  source: string;
  /** Name of the batch, from the options, the header or the name of the file. */
  batch: string;
  /** Budget of the batch, if the file or the options have one. */
  maxClips: Budget | undefined;
  totals: Totals;
  /** Number of local images, which require a storage that the API can fetch from. */
  imageFiles: number;
  /** Notices that are not errors, one line each. */
  notices: readonly string[];
  /** Yields the clips in the order of the file, from a spool. May be called several times. */
  jobs(): AsyncIterable<Job>;
  /** Removes the spool. */
  close(): Promise<void>;
}

export interface OpenOptions extends JobOptions {
  /** The time of `{date}` in output names. Default: now. */
  now?: Date;
  /** Format of all files. Default: by extension. */
  format?: Format | undefined;
  /** Encoding of all files. Default: UTF-8, or UTF-16 after a byte order mark. */
  encoding?: string | undefined;
  /** Input for the path `-`. Default: standard input. */
  stdin?: AsyncIterable<Buffer>;
  /** Maximum number of clips of a file. Default: 1,000,000. */
  maxItems?: number;
  /** Returns why the storage cannot hold a name. Default: any name is accepted. */
  nameFault?: NameFault;
  /** Whether `image_files` may be outside the folder of their jobs file. Default false. */
  allowImagesOutside?: boolean;
}

/**
 * Reads and checks jobs files. Their clips are written to a spool in the temporary folder, so that memory grows only by
 * 60 to 120 bytes per clip, released at the end, and about 400 bytes per local image.
 * @param paths paths of files, or `-`
 * @throws InputError with the errors of all files (the first 100, and the number of others), each with its position
 */
export async function openJobsFiles(paths: readonly string[], options: OpenOptions = {}): Promise<JobsFile[]> {
  if (paths.length === 0) throw new InputError([{ message: 'no jobs file is given' }]);
  const twice = paths.find((path, number) => paths.indexOf(path) < number);
  if (twice !== undefined) throw new InputError([{ message: `${nameOf(twice)} is given twice: give it once` }]);
  const list = new DiagnosticList();
  const checked = checkOptions(options, (diagnostic) => list.add(diagnostic));
  // With a wrong --column, every job would be wrong.
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
    if (duplicates > 0) notices.push(`${plural(duplicates, 'clip')} skipped, because another job has the same content`);
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
  // Written by this process, so it is not validated.
  for await (const line of spool.lines()) yield JSON.parse(line) as Job;
}

/** Maximum number of notices of a file. */
const MAX_NOTICES = 20;

function addNotice(notices: string[], text: string): void {
  if (notices.length < MAX_NOTICES) notices.push(text);
  else if (notices.length === MAX_NOTICES) notices.push('… and more');
}

/** Returns the errors of files that set different budgets for the same batch. */
function budgetConflicts(files: readonly JobsFile[]): Diagnostic[] {
  const first = new Map<string, JobsFile>();
  const conflicts: Diagnostic[] = [];
  for (const file of files) {
    if (file.maxClips === undefined) continue;
    const other = first.get(file.batch);
    if (other === undefined) first.set(file.batch, file);
    else if (other.maxClips !== file.maxClips) {
      const message = `is ${file.maxClips} here and ${other.maxClips} in ${other.path}, for the same batch ${quote(file.batch)}: use one value, or separate batches`;
      conflicts.push({ file: file.path, field: 'max_clips', message });
    }
  }
  return conflicts;
}

/** Returns a line for each batch that several files share. */
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
