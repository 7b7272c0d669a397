import type { App } from '../app.ts';
import { StagingTable } from '../ledger/staging.ts';
import type { StoredRow } from '../reports/read-manifest.ts';
import type { Storage } from '../storage/storage.ts';

/** Names looked up one by one; for more of them, their folder is listed once. */
const FEW = 200;
/** Names looked up at once. */
const AT_ONCE = 32;

/**
 * Which files the storage has. The folder of the batch is listed once into Redis; names elsewhere, or few of them,
 * are looked up one by one.
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

  /** Sizes in bytes of the files under these names, in their order. @throws StorageError */
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
  /** Its clip is there. */
  | 'done'
  /** Its task is polled: it is under way, or its clip is gone from the storage and still to be had. */
  | 'generating'
  /** It ended without a clip, or whether it was accepted is not known: a retry decides. */
  | 'failed'
  | 'held'
  | 'cancelled';

/** The facts of a row that its fate follows from. */
export type RowFacts = Pick<StoredRow, 'state' | 'size' | 'taskId' | 'postedAt' | 'hash'> & {
  /** The name of its clip; absent for one that no manifest lists. */
  output?: string | undefined;
};

/**
 * @param size of the file under the name of its clip, if there is one
 * @returns `undefined` when nothing of it was paid for, or nothing is left of that
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
