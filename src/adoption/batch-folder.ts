import type { App } from '../app.ts';
import { apiOf } from '../config/config.ts';
import type { Orphan } from '../ledger/orphans.ts';
import { StagingTable } from '../ledger/staging.ts';
import { readMarker, type FolderMarker } from '../reports/folder-marker.ts';
import { readManifest } from '../reports/read-manifest.ts';
import type { Storage } from '../storage/storage.ts';
import type { RowFacts } from './adopted-state.ts';
import { ExistingFiles } from './existing-files.ts';

/** The storage operations that a submission uses. */
export type FolderStorage = Pick<Storage, 'read' | 'locate' | 'list' | 'stat' | 'overwrite'>;

/** Returns a stand-in for a storage that this process cannot access, such as the disk of another machine. */
export function inaccessibleStorage(storage: FolderStorage): FolderStorage {
  return {
    read: () => Promise.resolve(undefined),
    stat: () => Promise.resolve(undefined),
    async *list() {},
    locate: (name) => storage.locate(name),
    overwrite: (...page) => storage.overwrite(...page),
  };
}

/** The folder of a batch in the storage, as read for one submission. */
export interface BatchFolder {
  batch: string;
  storage: FolderStorage;
  /** Its marker; `undefined` if there is none, or it is unreadable. */
  marker: FolderMarker | undefined;
  /** False if its marker names this installation and this batch. */
  foreign: boolean;
  /** Whether its clips were made by another API, such as a simulated one. */
  otherApi: boolean;
  /** Number of rows of its manifest that this ledger may lack; 0 if it has all of them. */
  rows: number;
  /** Whether it has a manifest that this ledger has not fully adopted. */
  unadopted: boolean;
  files: ExistingFiles;
  /** Returns the rows of these items, in order, completed by the submission log. */
  rowsOf(ids: readonly string[]): Promise<(RowFacts | undefined)[]>;
  /** Deletes its temporary data in Redis. */
  close(): Promise<void>;
}

/**
 * Opens the folder of a batch, and reads its manifest if this ledger lacks the batch or has not fully adopted it.
 * @throws StorageError
 */
export async function openBatchFolder(
  app: App,
  storage: FolderStorage,
  batch: string,
  signal?: AbortSignal,
): Promise<BatchFolder> {
  const table = new StagingTable(app.redis, app.keys);
  const files = new ExistingFiles(app, storage, batch, signal);
  const [found, id, state] = await Promise.all([
    readMarker(storage, batch, signal),
    app.installation.id(),
    app.queries.folder(batch),
  ]);
  const marker = found === 'unknown' ? undefined : found;
  let unadopted = state.adopting;
  if (!state.known || state.adopting) {
    for await (const rows of readManifest(storage, batch, signal)) {
      unadopted = true;
      const submitted = rows.filter(({ state: rowState }) => rowState !== 'queued');
      await table.put(submitted.map((row) => [row.id, JSON.stringify(factsOf(row))]));
    }
  }
  const [rows, hasOrphans] = await Promise.all([table.size(), app.redis.exists(app.keys.orphans)]);
  return {
    batch,
    storage,
    marker,
    foreign: marker?.installation !== id || marker.batch !== batch,
    otherApi: marker !== undefined && marker.api !== apiOf(app.config),
    rows,
    unadopted,
    files,
    async rowsOf(ids) {
      const [stored, orphans] = await Promise.all([
        rows === 0 ? [] : table.get(ids),
        hasOrphans ? app.orphans.find(batch, ids) : [],
      ]);
      return ids.map((_id, index) => {
        const text = stored[index];
        return withOrphan(text === undefined ? undefined : (JSON.parse(text) as RowFacts), orphans[index]);
      });
    },
    async close() {
      await Promise.all([table.drop(), files.drop()]);
    },
  };
}

/** Returns a row completed by the submission log, which may be newer than the manifest. */
export function withOrphan<Row extends RowFacts>(row: Row, orphan: Orphan | undefined): Row;
export function withOrphan(row: RowFacts | undefined, orphan: Orphan | undefined): RowFacts | undefined;
export function withOrphan(row: RowFacts | undefined, orphan: Orphan | undefined): RowFacts | undefined {
  if (!orphan || (row && (row.hash !== orphan.hash || !undecided.has(row.state)))) return row;
  const facts = { taskId: orphan.task, postedAt: orphan.at };
  const state = orphan.task === undefined ? ('submitting' as const) : ('generating' as const);
  return row ? { ...row, ...facts, state } : { ...facts, state, hash: orphan.hash };
}

const undecided: ReadonlySet<string> = new Set(['queued', 'submitting', 'held']);

function factsOf({ state, size, taskId, postedAt, hash, output }: RowFacts): RowFacts {
  return { state, size, taskId, postedAt, hash, output };
}
