import type { Fault, Place, Tree } from '../tree.ts';

/** What a file says once for all of its jobs. */
export interface Header {
  /** The fields but `jobs`; `undefined` when the file has none. */
  tree: Tree | undefined;
  /** What is wrong with the header, and with the file around its jobs. */
  faults: Fault[];
  /** Some of it could not be read, so that nothing can be said of what the jobs mean. */
  broken: boolean;
}

/** One job as it is written. */
export interface Entry {
  place: Place;
  /** `undefined` when it could not be read; then `faults` says why. */
  tree: Tree | undefined;
  faults: Fault[];
}

/** Where a reader has its text from: the same each time it is asked. */
export interface Source {
  /** The text, piece by piece, cut anywhere between characters. */
  text(): AsyncIterable<string>;
}

/** One format's way to read a file. `header` is called first; `jobs` may be called again and again. */
export interface Reader {
  header(): Promise<Header>;
  /** The jobs in the order of the file. Ends early where `header` found the file to be broken. */
  jobs(): AsyncIterable<Entry>;
}

export function unreadable(place: Place, message: string): Entry {
  return { place, tree: undefined, faults: [{ place, message }] };
}
