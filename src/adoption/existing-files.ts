import type { App } from '../app.ts';
import { StagingTable } from '../ledger/staging.ts';
import type { Storage } from '../storage/storage.ts';

/** Maximum number of names in the folder that are checked one by one; above it, the folder is listed once. */
const MAX_SINGLE = 200;
/** Number of names checked concurrently. */
const CONCURRENT = 32;

/**
 * Finds the files that exist under given names. Checks a few names of the batch's folder, and all names outside it, one
 * by one. For more names, lists the folder once into a temporary table in Redis.
 */
export class ExistingFiles {
  readonly #storage: Pick<Storage, 'list' | 'stat'>;
  readonly #table: StagingTable;
  readonly #folder: string;
  readonly #signal: AbortSignal | undefined;
  #single = 0;
  #listing: Promise<void> | undefined;

  constructor(
    app: Pick<App, 'redis' | 'keys'>,
    storage: Pick<Storage, 'list' | 'stat'>,
    folder: string,
    signal?: AbortSignal,
  ) {
    this.#storage = storage;
    this.#table = new StagingTable(app.redis, app.keys);
    this.#folder = folder;
    this.#signal = signal;
  }

  /**
   * Returns the sizes in bytes of the files under these names, in order; `undefined` for a missing file.
   * @throws StorageError
   */
  async sizes(names: readonly string[]): Promise<(number | undefined)[]> {
    const inside = names.filter((name) => name.startsWith(`${this.#folder}/`));
    this.#single += inside.length;
    const listed = this.#listing !== undefined || this.#single > MAX_SINGLE;
    const found = new Map<string, number>();
    if (listed) {
      await (this.#listing ??= this.#list());
      for (const [index, size] of (await this.#table.get(inside)).entries()) {
        if (size !== undefined) found.set(inside[index] ?? '', Number(size));
      }
    }
    const others = listed ? names.filter((name) => !name.startsWith(`${this.#folder}/`)) : [...names];
    for (let at = 0; at < others.length; at += CONCURRENT) {
      const some = others.slice(at, at + CONCURRENT);
      const stats = await Promise.all(some.map((name) => this.#storage.stat(name, this.#signal)));
      for (const [index, stat] of stats.entries()) if (stat) found.set(some[index] ?? '', stat.size);
    }
    return names.map((name) => found.get(name));
  }

  /** Deletes the temporary table. */
  async drop(): Promise<void> {
    await this.#table.drop();
  }

  async #list(): Promise<void> {
    for await (const files of this.#storage.list(this.#folder, this.#signal)) {
      await this.#table.put(files.map(({ name, size }) => [name, String(size)]));
    }
  }
}
