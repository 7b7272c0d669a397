import type { Place, SyntaxDiagnostic, Tree } from '../tree.ts';

/** The part of a file that applies to all its jobs. */
export interface Header {
  /** The fields except `jobs`; `undefined` if the file has no header. */
  tree: Tree | undefined;
  /** Errors in the header, and in the file around its jobs. */
  diagnostics: SyntaxDiagnostic[];
  /** Whether a part could not be read, so that the meaning of the jobs is unknown. */
  broken: boolean;
  /** Variables of every job: the columns of a table that are not fields of a job. */
  variables?: readonly string[];
  /** Fields of the jobs whose errors are in `diagnostics`. */
  faulty?: readonly string[];
}

/** One job as written. */
export interface Entry {
  place: Place;
  /** `undefined` if it could not be read; `diagnostics` has the reason. */
  tree: Tree | undefined;
  diagnostics: SyntaxDiagnostic[];
}

/** The text of a file, which is the same on every read. */
export interface Source {
  /** Yields the text in pieces that end at any character. */
  text(): AsyncIterable<string>;
}

/** Options of readers. */
export interface ReadOptions {
  /** Fields of a job by their names in the file, from `--column FIELD=NAME`. */
  renames: ReadonlyMap<string, string>;
  /** Fields of all jobs, from `--set`. */
  set: ReadonlySet<string>;
  /** Whether the format follows from the extension: a file that appears to have another format is refused. */
  guessed: boolean;
  /** Handling of options of other programs at the end of a line, such as `--w 832`. `undefined`: refuse. */
  flags: 'drop' | 'keep' | undefined;
  /** Receives notices that are not errors. */
  notice: (text: string) => void;
}

/** Reads a file of one format. Call `header` first. */
export interface Reader {
  header(): Promise<Header>;
  /** Yields the jobs in the order of the file. Ends early if `header` found an error in the file. */
  jobs(): AsyncIterable<Entry>;
}

/** Returns an entry with one error and no job. */
export function unreadable(place: Place, message: string): Entry {
  return { place, tree: undefined, diagnostics: [{ place, message }] };
}

/** Returns a header after which the jobs cannot be interpreted. */
export function brokenHeader(diagnostics: SyntaxDiagnostic[]): Header {
  return { tree: undefined, diagnostics, broken: true };
}

/** Returns the name of the list of jobs in a file. */
export function jobsName(renames: ReadonlyMap<string, string>): string {
  for (const [name, field] of renames) if (field === 'jobs') return name;
  return 'jobs';
}

const WRONG_ROOT = 'must be a mapping with `jobs`, or a list of jobs; use --format txt for one prompt per line';

/** Splits the value of a whole file into its header and its jobs. */
export function splitRoot(
  tree: Tree,
  diagnostics: SyntaxDiagnostic[],
  jobsField: string,
): { header: Header; jobs: Tree[] } {
  if (Array.isArray(tree.value)) return { header: { tree: undefined, diagnostics, broken: false }, jobs: tree.value };
  if (!(tree.value instanceof Map)) {
    return { header: brokenHeader([...diagnostics, { place: tree.place, message: WRONG_ROOT }]), jobs: [] };
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
 * Returns the header from the text around the jobs of a split file. A job in that text is an error: it would be lost
 * where splitter and parser disagree.
 */
export function headerAround(tree: Tree, diagnostics: SyntaxDiagnostic[], jobsField: string): Header {
  const { header, jobs } = splitRoot(tree, diagnostics, jobsField);
  const [lost] = jobs;
  if (lost === undefined) return header;
  const message = 'is outside the list of jobs: check the dashes, brackets and indentation above it';
  return { ...header, diagnostics: [...header.diagnostics, { place: lost.place, message }], broken: true };
}
