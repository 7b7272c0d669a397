import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { KEPT_FREE } from '../names.ts';
import type { NameRules } from '../storage.ts';

/** Characters that FAT, exFAT, NTFS and SMB shares refuse, and some that older encodings lack. */
const ODD = ['<', '>', ':', '"', '|', '?', '*', '%', '\u00e9', '\u304b', '\u{1f98a}'];
/** Characters that those file systems drop at the end of a name. */
const ENDINGS = ['.', ' '];
/** The longest name of a file on most file systems, in bytes; those with encrypted names have 143. */
const LONGEST = 255;
/** The longest path that every call of the system accepts, in bytes. */
const LONGEST_PATH = 4_000;

/** The calls that the probe makes; tests put another file system in their place. */
export interface ProbedFolder {
  create(name: string): Promise<void>;
  list(): Promise<string[]>;
}

/** The rules of a file system for names. */
export interface NameFacts {
  refused: ReadonlySet<string>;
  refusedAtEnd: ReadonlySet<string>;
  /** Bytes of the longest name. */
  longest: number;
}

const ordinary: NameFacts = { refused: new Set(), refusedAtEnd: new Set(), longest: LONGEST };

/** Finds out which names a folder can hold by making files of odd names in it. */
export async function probeNames(folder: ProbedFolder): Promise<NameFacts> {
  const makes = async (name: string) => {
    try {
      await folder.create(name);
      // Some file systems store a near name instead of an error; one that composes accents is accepted.
      return (await folder.list()).some((entry) => entry.normalize('NFC') === name.normalize('NFC'));
    } catch {
      return false;
    }
  };
  const refused = new Set<string>();
  for (const character of ODD) if (!(await makes(`a${character}b`))) refused.add(character);
  const refusedAtEnd = new Set<string>();
  for (const ending of ENDINGS) if (!(await makes(`a${ending}`))) refusedAtEnd.add(ending);
  return { refused, refusedAtEnd, longest: await longestName(makes) };
}

async function longestName(makes: (name: string) => Promise<boolean>): Promise<number> {
  if (await makes('x'.repeat(LONGEST))) return LONGEST;
  let [fits, fails] = [8, LONGEST];
  while (fails - fits > 1) {
    const middle = Math.floor((fits + fails) / 2);
    if (await makes('x'.repeat(middle))) fits = middle;
    else fails = middle;
  }
  return fits;
}

/** Probes the folder `base`, or what will hold it. A folder that cannot be written is taken for an ordinary one. */
export async function probeFolder(base: string): Promise<NameFacts> {
  const place = join(await nearestFolder(base), `.clipmill-probe-${randomUUID()}`);
  try {
    await mkdir(place);
    return await probeNames({
      create: (name) => writeFile(join(place, name), '', { flag: 'wx' }),
      list: () => readdir(place),
    });
  } catch {
    return ordinary;
  } finally {
    await rm(place, { recursive: true, force: true }).catch(() => {});
  }
}

async function nearestFolder(path: string): Promise<string> {
  for (let folder = path; ; folder = dirname(folder)) {
    const found = await stat(folder).catch(() => undefined);
    if (found?.isDirectory() || folder === dirname(folder)) return folder;
  }
}

export function fileNameRules(base: string, { refused, refusedAtEnd, longest }: NameFacts): NameRules {
  const refusedCharacters = [...refused];
  const baseBytes = Buffer.byteLength(join(base, '/'));
  return {
    fault(name) {
      if (baseBytes + Buffer.byteLength(name) > LONGEST_PATH) return `makes a path of more than ${LONGEST_PATH} bytes`;
      for (const segment of name.split('/')) {
        const odd = refusedCharacters.find((character) => segment.includes(character));
        if (odd !== undefined) return `has ${JSON.stringify(odd)} in it, which the file system of ${base} refuses`;
        const end = segment.at(-1) ?? '';
        if (refusedAtEnd.has(end)) {
          return `has a part that ends in ${JSON.stringify(end)}, which the file system of ${base} refuses`;
        }
        const bytes = Buffer.byteLength(segment);
        if (bytes > longest - KEPT_FREE) {
          return `has a part of ${bytes} bytes, and the file system of ${base} takes ${longest - KEPT_FREE}`;
        }
      }
      return undefined;
    },
  };
}
