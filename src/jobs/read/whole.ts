import type { Fault, Tree } from '../tree.ts';
import type { Header } from './reader.ts';

const NO_JOBS_FILE = 'must be a mapping with `jobs`, or a list of jobs';

/** Takes the value of a whole file apart: its header, and its jobs. */
export function takeApart(tree: Tree, faults: Fault[]): { header: Header; jobs: Tree[] } {
  if (Array.isArray(tree.value)) return { header: { tree: undefined, faults, broken: false }, jobs: tree.value };
  if (!(tree.value instanceof Map)) {
    return { header: brokenHeader([...faults, { place: tree.place, message: NO_JOBS_FILE }]), jobs: [] };
  }
  const members = new Map(tree.value);
  const list = members.get('jobs')?.value;
  members.delete('jobs');
  const header = { tree: { ...tree, value: members }, faults, broken: false };
  if (Array.isArray(list?.value)) return { header, jobs: list.value };
  if (list !== undefined && list.value !== null) {
    faults.push({ place: list.place, field: 'jobs', message: 'must be a list of jobs' });
  }
  return { header, jobs: [] };
}

export function brokenHeader(faults: Fault[]): Header {
  return { tree: undefined, faults, broken: true };
}
