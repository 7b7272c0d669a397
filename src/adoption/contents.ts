import type { App } from '../app.ts';
import { StagingTable } from '../ledger/staging.ts';
import type { StoredRow } from '../reports/read-manifest.ts';
import type { Storage } from '../storage/storage.ts';

/** Maximum number of names checked one by one; above it, their folder is listed once. */
const FEW = 200;
/** Names checked concurrently. */
const AT_ONCE = 32;

/**
 * Reports which files exist in the storage. Lists the folder of the batch once into Redis, and checks names
 * elsewhere, or small numbers of them, one by one.
 */
export class FolderContents {
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
    const listed = this.#listing !== undefined || this.#single > FEW;
    const found = new Map<string, number>();
    if (listed) {
      await (this.#listing ??= this.#list());
      for (const [index, size] of (await this.#table.get(inside)).entries()) {
        if (size !== undefined) found.set(inside[index] ?? '', Number(size));
      }
    }
    const others = listed ? names.filter((name) => !name.startsWith(`${this.#folder}/`)) : [...names];
    for (let at = 0; at < others.length; at += AT_ONCE) {
      const some = others.slice(at, at + AT_ONCE);
      const stats = await Promise.all(some.map((name) => this.#storage.stat(name, this.#signal)));
      for (const [index, stat] of stats.entries()) if (stat) found.set(some[index] ?? '', stat.size);
    }
    return names.map((name) => found.get(name));
  }

  async drop(): Promise<void> {
    await this.#table.drop();
  }

  async #list(): Promise<void> {
    for await (const files of this.#storage.list(this.#folder, this.#signal)) {
      await this.#table.put(files.map(({ name, size }) => [name, String(size)]));
    }
  }
}

/** Decides about a row of a manifest that this ledger does not know. */
export type Fate =
  /** Its clip exists in the storage. */
  | 'done'
  /**
   * Its task is polled: it is in progress, or its clip is missing from the storage and the API still keeps the
   * result.
   */
  | 'generating'
  /** It ended without a clip, or its acceptance is unknown: a retry decides. */
  | 'failed'
  | 'held'
  | 'cancelled';

/** The fields of a row that determine its fate. */
export type RowFacts = Pick<StoredRow, 'state' | 'size' | 'taskId' | 'postedAt' | 'hash'> & {
  /** The name of its clip; absent if no manifest lists it. */
  output?: string | undefined;
};

/**
 * @param size of the file under the name of its clip, if there is one
 * @returns `undefined` if nothing was paid for, or nothing of it remains
 */
export function fateOf(row: RowFacts, size: number | undefined, resultsLastMs: number): Fate | undefined {
  const { state, taskId } = row;
  if (state === 'done') {
    if (size !== undefined && size > 0 && size === (row.size ?? size)) return 'done';
    const stillThere = row.postedAt === undefined || Date.now() - row.postedAt < resultsLastMs;
    return taskId !== undefined && stillThere ? 'generating' : undefined;
  }
  if (state === 'generating' || state === 'downloading') return taskId === undefined ? 'held' : 'generating';
  if (state === 'submitting') return 'held';
  return state === 'queued' ? undefined : state;
}
