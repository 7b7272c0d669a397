import { randomUUID } from 'node:crypto';
import { type FileHandle, open, rename, rm, stat, unlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { describeError, UserError } from '../../core/errors.ts';
import { asStorageError, codeOf, cureOf, mayConcernName } from './errors.ts';
import { FolderSync, makeFolder } from './folders.ts';
import { listFiles, listFolders } from './list.ts';
import { fileNameRules, probeFolder, type NameFacts } from './name-probe.ts';
import { writeNewFile } from './new-file.ts';
import { createPartFiles, partName, publish } from './part-file.ts';
import { SyncMonitor, type SyncListener } from './sync-monitor.ts';
import { requireSafeName } from '../safe-names.ts';
import { NameError, StorageError, type Bytes, type Storage, type Stored } from '../storage.ts';
import { Transfer } from '../transfer.ts';

/** Maximum number of folders remembered as made: a process makes one per batch, for months. */
const MAX_KNOWN_FOLDERS = 1_000;

/**
 * Gives a finished part file its final name.
 * @returns whether the part file remains
 * @throws NameError if the final name is taken
 */
type Publish = (part: string, path: string) => Promise<boolean>;

const replaceFile: Publish = async (part, path) => {
  await rename(part, path);
  return false;
};

/**
 * Creates a storage of files below `root`.
 * @param syncs is notified of slow syncs of clips to the disk
 */
export function createFileStorage(root: string, syncs?: SyncListener): Storage {
  const base = resolve(root);
  const pathOf = (name: string) => join(base, ...name.split('/'));
  const folders = new FolderSync();
  const monitor = syncs && new SyncMonitor(syncs);
  const known = new Set<string>();
  let facts: Promise<NameFacts> | undefined;

  async function made(folder: string): Promise<void> {
    if (known.has(folder)) return;
    await makeFolder(folder);
    if (known.size >= MAX_KNOWN_FOLDERS) known.clear();
    known.add(folder);
  }

  /** Opens a new file. Makes its folder again if it was removed. */
  async function openIn(folder: string, path: string): Promise<FileHandle> {
    await made(folder);
    try {
      return await open(path, 'wx');
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
      known.delete(folder);
      await made(folder);
      return await open(path, 'wx');
    }
  }

  /**
   * Writes a part file, makes it durable, then gives it its final name: a process or power that fails at any point
   * leaves a complete file under that name or none.
   */
  async function write(name: string, body: Bytes, to: Publish, signal?: AbortSignal): Promise<Stored> {
    const path = pathOf(name);
    const folder = dirname(path);
    const part = join(folder, partName());
    const transfer = new Transfer(signal);
    let file: FileHandle | undefined;
    try {
      file = await openIn(folder, part);
      const size = await writeNewFile(file, transfer.pieces(body), monitor?.run);
      if (size !== transfer.sent) throw new StorageError(`${path}: received ${transfer.sent} bytes, wrote ${size}`);
      const [remains] = await Promise.all([to(part, path), file.close()]);
      // The sweep removes a part file whose removal fails.
      await Promise.all([folders.sync(folder), remains && unlink(part).catch(() => {})]);
      return { location: pathToFileURL(path).href, size };
    } catch (error) {
      known.delete(folder);
      await file?.close().catch(() => {});
      await rm(part, { force: true }).catch(() => {});
      throw transfer.causeOf(error, () => undefined) ?? (await explain(error, name, folder, file !== undefined));
    } finally {
      transfer.end();
    }
  }

  /** Attributes a failure: to the name if the root is writable, else to the storage. */
  async function explain(failure: unknown, name: string, folder: string, folderWasMade: boolean): Promise<unknown> {
    if (!mayConcernName(failure)) return asStorageError(failure, folder);
    try {
      await check();
    } catch {
      return asStorageError(failure, folder);
    }
    // The folder was removed while the file was written; the next try makes it again.
    if (codeOf(failure) === 'ENOENT' && folderWasMade && !(await stat(folder).catch(() => undefined))) return failure;
    const reason = (await obstacle(name).catch(() => undefined)) ?? describeError(failure);
    return new NameError('unusable', `${JSON.stringify(name)} cannot be stored in ${base}: ${reason}`, {
      cause: failure,
    });
  }

  async function obstacle(name: string): Promise<string | undefined> {
    const path = pathOf(name);
    for (let folder = base, rest = name.split('/').slice(0, -1); ;) {
      const found = await statOf(folder);
      if (!found) return undefined;
      if (!found.isDirectory()) return `needs the folder ${relative(base, folder) || base}, which is a file`;
      const next = rest.shift();
      if (next === undefined) break;
      folder = join(folder, next);
    }
    const found = await statOf(path);
    if (!found) return undefined;
    return found.isDirectory() ? 'is the name of an existing folder' : 'is the name of an existing file';
  }

  async function check(): Promise<void> {
    const probe = join(base, `.clipmill-probe-${randomUUID()}`);
    try {
      await makeFolder(base);
      await writeFile(probe, 'probe', { flush: true });
      await rm(probe);
    } catch (error) {
      // A full disk has room for the empty file, and a new probe is written every 15 s.
      await rm(probe, { force: true }).catch(() => {});
      throw new UserError(`cannot write to ${base}: ${describeError(error)}`, { cure: cureOf(error), cause: error });
    }
  }

  return {
    async put(name, body, { replace = false }, signal) {
      requireSafeName(name);
      return write(name, body, replace ? replaceFile : publish, signal);
    },
    overwrite: (name, body, _contentType, signal) => write(name, body, replaceFile, signal),
    async create(name, text, _contentType, signal) {
      if (await statOf(pathOf(name))) return false;
      try {
        await write(name, Readable.from([text]), publish, signal);
        return true;
      } catch (error) {
        if (error instanceof NameError && error.fault === 'taken') return false;
        throw error;
      }
    },
    // A file on disk does not name its task. After a crash the clip is downloaded again, and `put` accepts an existing
    // file with the same bytes.
    recover: () => Promise.resolve(undefined),
    async stat(name) {
      const found = await statOf(pathOf(name));
      return found?.isFile() ? { size: found.size } : undefined;
    },
    async read(name) {
      const path = pathOf(name);
      if (!(await statOf(path))?.isFile()) return undefined;
      return readFileOf(path);
    },
    list: (folder, signal) => listFiles(base, folder, signal),
    folders: () => listFolders(base),
    locate: (name) => pathToFileURL(pathOf(name)).href,
    async nameRules() {
      facts ??= probeFolder(base);
      return fileNameRules(base, await facts);
    },
    obstacle,
    check,
    inputs: undefined,
    leftovers: createPartFiles(base),
    close: () => folders.close(),
  };
}

async function* readFileOf(path: string): AsyncGenerator<Uint8Array> {
  try {
    const file = await open(path);
    yield* file.createReadStream() as AsyncIterable<Uint8Array>;
  } catch (error) {
    throw asStorageError(error, path, 'read');
  }
}

/** Returns `undefined` if no file has the name or can have it. */
async function statOf(path: string) {
  try {
    return await stat(path);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'EINVAL', 'EILSEQ'].includes(codeOf(error))) return undefined;
    throw asStorageError(error, path, 'read');
  }
}
