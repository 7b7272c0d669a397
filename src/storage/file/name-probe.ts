import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { RESERVED_BYTES } from '../safe-names.ts';
import type { NameRules } from '../storage.ts';

/** Characters that FAT, exFAT, NTFS and SMB shares refuse, and some that older encodings do not have. */
const ODD = ['<', '>', ':', '"', '|', '?', '*', '%', '\u00e9', '\u304b', '\u{1f98a}'];
/** Characters that these file systems drop at the end of a name. */
const ENDINGS = ['.', ' '];
/** Maximum length of a file name on most file systems, in bytes; with encrypted names it is 143. */
const MAX_NAME = 255;
/** Maximum length of a path that every system call accepts, in bytes. */
const MAX_PATH = 4_000;

/** The file system calls of the probe. */
export interface ProbedFolder {
  create(name: string): Promise<void>;
  list(): Promise<string[]>;
}

/** The rules of a file system for names. */
export interface NameFacts {
  refused: ReadonlySet<string>;
  refusedAtEnd: ReadonlySet<string>;
  /** Maximum length of a name in bytes. */
  longest: number;
}

const ordinary: NameFacts = { refused: new Set(), refusedAtEnd: new Set(), longest: MAX_NAME };

/** Determines which names a folder accepts, by creating files with unusual names in it. */
export async function probeNames(folder: ProbedFolder): Promise<NameFacts> {
  const makes = async (name: string) => {
    try {
      await folder.create(name);
      // Some file systems store a similar name instead of failing. Another Unicode normalization is accepted.
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
  if (await makes('x'.repeat(MAX_NAME))) return MAX_NAME;
  let [fits, fails] = [8, MAX_NAME];
  while (fails - fits > 1) {
    const middle = Math.floor((fits + fails) / 2);
    if (await makes('x'.repeat(middle))) fits = middle;
    else fails = middle;
  }
  return fits;
}

/** Probes the folder `base` or its nearest existing parent. Returns the ordinary rules if it is not writable. */
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

/** Returns the rules for names below `base`. */
export function fileNameRules(base: string, { refused, refusedAtEnd, longest }: NameFacts): NameRules {
  const refusedCharacters = [...refused];
  const baseBytes = Buffer.byteLength(join(base, '/'));
  return {
    fault(name) {
      if (baseBytes + Buffer.byteLength(name) > MAX_PATH) return `makes a path of more than ${MAX_PATH} bytes`;
      for (const segment of name.split('/')) {
        const odd = refusedCharacters.find((character) => segment.includes(character));
        if (odd !== undefined) return `has ${JSON.stringify(odd)} in it, which the file system of ${base} refuses`;
        const end = segment.at(-1) ?? '';
        if (refusedAtEnd.has(end)) {
          return `has a part that ends in ${JSON.stringify(end)}, which the file system of ${base} refuses`;
        }
        const bytes = Buffer.byteLength(segment);
        if (bytes > longest - RESERVED_BYTES) {
          return `has a part of ${bytes} bytes, and the file system of ${base} accepts ${longest - RESERVED_BYTES}`;
        }
      }
      return undefined;
    },
  };
}
