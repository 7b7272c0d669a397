import type { SyntaxDiagnostic, Tree } from '../tree.ts';
import { brokenHeader, type Header } from './reader.ts';

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
