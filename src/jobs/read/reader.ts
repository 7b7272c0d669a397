import type { Place, SyntaxDiagnostic, Tree } from '../tree.ts';

/** The part of a file that holds for all of its jobs. */
export interface Header {
  /** The fields but `jobs`; `undefined` when the file has none. */
  tree: Tree | undefined;
  /** What is wrong with the header, and with the file around its jobs. */
  diagnostics: SyntaxDiagnostic[];
  /** Some of it could not be read, so that the meaning of the jobs is unknown. */
  broken: boolean;
  /** Names of fields that are variables in every job: the columns of a table that are no fields of a job. */
  variables?: readonly string[];
  /** Fields of the jobs whose mistakes are in `diagnostics`. */
  faulty?: readonly string[];
}

/** One job as it is written. */
export interface Entry {
  place: Place;
  /** `undefined` when it could not be read; then `diagnostics` has the reason. */
  tree: Tree | undefined;
  diagnostics: SyntaxDiagnostic[];
}

/** Where a reader has its text from: the same each time it is asked. */
export interface Source {
  /** The text, piece by piece, cut anywhere between characters. */
  text(): AsyncIterable<string>;
}

/** How a file is read where its format leaves a choice. */
export interface ReadOptions {
  /** Fields of a job by the name that the file has for them, from `--column FIELD=NAME`. */
  renames: ReadonlyMap<string, string>;
  /** Fields that `--set` gives for all jobs. */
  set: ReadonlySet<string>;
  /** The format was chosen by the extension: a file that looks like another one is refused. */
  guessed: boolean;
  /** What becomes of options of other programs at the end of a line of text, such as `--w 832`. Default: refused. */
  flags: 'drop' | 'keep' | undefined;
  /** Takes what is worth knowing and no mistake. */
  notice: (text: string) => void;
}

/** One format's way to read a file. `header` is called first. */
export interface Reader {
  header(): Promise<Header>;
  /** The jobs in the order of the file. Ends early where `header` found the file to be broken. */
  jobs(): AsyncIterable<Entry>;
}

export function unreadable(place: Place, message: string): Entry {
  return { place, tree: undefined, diagnostics: [{ place, message }] };
}

export function brokenHeader(diagnostics: SyntaxDiagnostic[]): Header {
  return { tree: undefined, diagnostics, broken: true };
}

/** Returns the name that the list of jobs has in a file. */
export function jobsName(renames: ReadonlyMap<string, string>): string {
  for (const [name, field] of renames) if (field === 'jobs') return name;
  return 'jobs';
}

const NO_JOBS_FILE =
  'must be a mapping with `jobs`, or a list of jobs; a file of one prompt a line is read with --format txt';

/** Splits the value of a whole file into its header and its jobs. */
export function splitRoot(
  tree: Tree,
  diagnostics: SyntaxDiagnostic[],
  jobsField: string,
): { header: Header; jobs: Tree[] } {
  if (Array.isArray(tree.value)) return { header: { tree: undefined, diagnostics, broken: false }, jobs: tree.value };
  if (!(tree.value instanceof Map)) {
    return { header: brokenHeader([...diagnostics, { place: tree.place, message: NO_JOBS_FILE }]), jobs: [] };
  }
  const members = new Map(tree.value);
  const list = members.get(jobsField)?.value;
  members.delete(jobsField);
  const header = { tree: { ...tree, value: members }, diagnostics, broken: false };
  if (Array.isArray(list?.value)) return { header, jobs: list.value };
  if (list !== undefined && list.value !== null) {
    diagnostics.push({ place: list.place, field: jobsField, message: 'must be a list of jobs' });
  }
  return { header, jobs: [] };
}

/**
 * Splits what stands around the jobs of a file that was cut into jobs. A job in it would be lost: it is a
 * mistake, whatever made the cutting and the parsing differ.
 */
export function headerAround(tree: Tree, diagnostics: SyntaxDiagnostic[], jobsField: string): Header {
  const { header, jobs } = splitRoot(tree, diagnostics, jobsField);
  const [lost] = jobs;
  if (lost === undefined) return header;
  const message = 'stands outside the list of jobs: check the dashes, brackets and indentation above it';
  return { ...header, diagnostics: [...header.diagnostics, { place: lost.place, message }], broken: true };
}
