import { open, type FileHandle } from 'node:fs/promises';

/** How long an open folder is used, in milliseconds: another folder may replace it meanwhile. */
const REOPEN_MS = 5_000;

/**
 * Makes renames within folders durable. Those that come while a sync is under way share the next one:
 * one that began before a rename may have missed it. A folder stays open between syncs, which saves two
 * calls to the system for each clip.
 */
export class FolderSync {
  readonly #running = new Map<string, Promise<void>>();
  readonly #next = new Map<string, Promise<void>>();
  readonly #open = new Map<string, OpenFolder>();

  /** Resolves when all renames before this call are durable. */
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
    const running = this.#syncOnce(folder).finally(() => {
      if (this.#running.get(folder) === running) this.#running.delete(folder);
    });
    this.#running.set(folder, running);
    return running;
  }

  async #syncOnce(folder: string): Promise<void> {
    const { handle } = this.#open.get(folder) ?? (await this.#openFolder(folder));
    await handle.sync();
  }

  async #openFolder(folder: string): Promise<OpenFolder> {
    const opened = { handle: await open(folder, 'r'), timer: setTimeout(() => void this.#close(folder), REOPEN_MS) };
    opened.timer.unref();
    this.#open.set(folder, opened);
    return opened;
  }

  /** A sync under way ends first: its handle waits for it. */
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
  timer: NodeJS.Timeout;
}
