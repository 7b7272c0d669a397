import { mkdir, open, stat, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { codeOf } from './errors.ts';

/** How long an open folder is reused, in milliseconds. */
const REOPEN_MS = 5_000;

/**
 * Makes a folder and its missing parents, durably. Keeps an existing folder. Node's recursive mkdir never returns on
 * a file system that answers ENOENT for a name in an existing folder, as /proc does.
 * @throws the file system's error, such as EEXIST where a file has the name
 */
export async function makeFolder(folder: string): Promise<void> {
  try {
    await makeOne(folder);
  } catch (error) {
    const parent = dirname(folder);
    if (codeOf(error) !== 'ENOENT' || parent === folder) throw error;
    await makeFolder(parent);
    await makeOne(folder);
  }
}

async function makeOne(folder: string): Promise<void> {
  try {
    await mkdir(folder);
  } catch (error) {
    const exists = await stat(folder).then(
      (found) => found.isDirectory(),
      () => false,
    );
    if (!exists) throw error;
    return;
  }
  await syncOnce(dirname(folder));
}

async function syncOnce(folder: string): Promise<void> {
  let handle: FileHandle;
  try {
    handle = await open(folder, 'r');
  } catch (error) {
    // A folder may accept new entries and not be readable; it cannot be synced then.
    if (codeOf(error) === 'EACCES') return;
    throw error;
  }
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Makes new names in folders durable. Calls that arrive during a sync share the next one: a sync that began before a
 * rename may have missed it. A folder stays open between syncs, which saves two system calls per clip.
 */
export class FolderSync {
  readonly #running = new Map<string, Promise<void>>();
  readonly #next = new Map<string, Promise<void>>();
  readonly #open = new Map<string, OpenFolder>();

  /** Resolves when all names that the folder had before this call are durable. */
  sync(folder: string): Promise<void> {
    const running = this.#running.get(folder);
    if (!running) return this.#start(folder);
    let next = this.#next.get(folder);
    if (!next) {
      next = running
        .catch(() => {})
        .then(() => {
          this.#next.delete(folder);
          return this.#start(folder);
        });
      this.#next.set(folder, next);
    }
    return next;
  }

  /** Closes the folders. */
  async close(): Promise<void> {
    await Promise.all([...this.#open.keys()].map((folder) => this.#close(folder)));
  }

  #start(folder: string): Promise<void> {
    const running = this.#sync(folder).finally(() => {
      if (this.#running.get(folder) === running) this.#running.delete(folder);
    });
    this.#running.set(folder, running);
    return running;
  }

  async #sync(folder: string): Promise<void> {
    const opened = this.#open.get(folder);
    if (opened) {
      const [synced, found] = await Promise.allSettled([opened.handle.sync(), identify(folder)]);
      if (found.status === 'fulfilled' && found.value === opened.identity) {
        if (synced.status === 'rejected') throw synced.reason;
        return;
      }
      // Removed, renamed or unmounted since it was opened: the new name is in the folder that has this path now.
      await this.#close(folder);
    }
    const { handle } = await this.#openFolder(folder);
    await handle.sync();
  }

  async #openFolder(folder: string): Promise<OpenFolder> {
    const handle = await open(folder, 'r');
    let identity: string;
    try {
      identity = await identify(handle);
    } catch (error) {
      await handle.close();
      throw error;
    }
    const opened = { handle, identity, timer: setTimeout(() => void this.#close(folder), REOPEN_MS).unref() };
    this.#open.set(folder, opened);
    return opened;
  }

  /** Waits for a sync in progress: closing a handle does. */
  async #close(folder: string): Promise<void> {
    const opened = this.#open.get(folder);
    if (!opened) return;
    this.#open.delete(folder);
    clearTimeout(opened.timer);
    await opened.handle.close().catch(() => {});
  }
}

interface OpenFolder {
  handle: FileHandle;
  /** Distinguishes it from a folder that replaces it. */
  identity: string;
  timer: NodeJS.Timeout;
}

/** Returns the device and the inode of a folder. */
async function identify(folder: string | FileHandle): Promise<string> {
  const found = await (typeof folder === 'string' ? stat(folder, { bigint: true }) : folder.stat({ bigint: true }));
  return `${found.dev}:${found.ino}`;
}
