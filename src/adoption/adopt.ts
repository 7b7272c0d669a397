import type { App } from '../app.ts';
import { kindOf } from '../apixo/model.ts';
import { apiOf } from '../config/config.ts';
import type { AdoptedItem } from '../ledger/adoption.ts';
import type { LoggedSubmission } from '../ledger/orphans.ts';
import type { StagingTable } from '../ledger/staging.ts';
import { reasons } from '../ledger/schema/reasons.ts';
import { takeOverFolder } from '../reports/folder-marker.ts';
import { readManifest, type StoredRow } from '../reports/read-manifest.ts';
import { adoptedStateOf, type AdoptedState } from './adopted-state.ts';
import { withOrphan, type BatchFolder } from './batch-folder.ts';

export interface AdoptOptions {
  /** The jobs file as an absolute path. */
  source?: string | undefined;
  /** Ids of the rows to adopt. Default: all. */
  ids?: StagingTable | undefined;
  /** Task ids of accepted submissions that Redis did not record, by item. */
  tasks?: ReadonlyMap<string, string> | undefined;
  /** Whether the batch may end after the adoption; false if jobs are added to it next. */
  close: boolean;
  signal?: AbortSignal | undefined;
}

/** Numbers of items that an adoption has added. */
export interface Adopted {
  /** Items whose clips exist. */
  done: number;
  /** Items whose tasks are polled. */
  underWay: number;
  /** Items that failed, were cancelled or are held. */
  ended: number;
}

/**
 * Adds the items of a folder's manifest to the ledger, in pages: existing clips as done, tasks in progress as
 * generating, submissions without a known task as held, and failed, held and cancelled items unchanged. Submits nothing.
 *
 * If the process dies midway, the batch stays `adopting`: its manifest is not replaced, and the next submission starts
 * over and adds the missing items. The marker of the folder is rewritten before `adopting` is removed, so that a folder
 * whose items are all in this ledger always belongs to it.
 */
export async function adoptFolder(app: App, folder: BatchFolder, options: AdoptOptions): Promise<Adopted> {
  const { batch, storage } = folder;
  const facts = { model: app.model.id, source: options.source ?? folder.marker?.source ?? undefined };
  const sum: Adopted = { done: 0, underWay: 0, ended: 0 };
  for await (const rows of readManifest(storage, batch, options.signal)) {
    options.signal?.throwIfAborted();
    const chosen = await chosenRows(rows, options.ids);
    const orphans = await app.orphans.find(
      batch,
      chosen.map((row) => row.id),
    );
    const current = chosen.map((row, index) => withOrphan(withTask(row, options.tasks?.get(row.id)), orphans[index]));
    const sizes = await folder.files.sizes(current.map((row) => row.output));
    const items = current.flatMap((row, index) => {
      const state = adoptedStateOf(row, sizes[index], app.model.resultsLastMs);
      return state === undefined ? [] : [{ state, item: itemOf(app, folder, row, state, sizes[index]) }];
    });
    await app.orphans.assign(
      current.flatMap((row, index) =>
        adoptedStateOf(row, sizes[index], app.model.resultsLastMs) === undefined ? spentBefore(batch, row) : [],
      ),
    );
    const { poll, taken } = await app.adoption.add(
      batch,
      facts,
      items.map(({ item }) => item),
      'more',
    );
    for (const attempt of poll) await app.queues.poll(attempt, 0);
    if (taken.length > 0) app.log.warn({ batch, taken }, 'not adopted: their output names belong to other items');
    for (const { state } of items) count(sum, state);
  }
  const id = await app.installation.id();
  const source = facts.source ?? null;
  await takeOverFolder(storage, { clipmill: 1, installation: id, batch, source, api: apiOf(app.config) });
  await app.adoption.add(batch, facts, [], options.close ? 'close' : 'last');
  return sum;
}

async function chosenRows(rows: readonly StoredRow[], ids: StagingTable | undefined): Promise<readonly StoredRow[]> {
  if (!ids) return rows;
  const found = await ids.get(rows.map((row) => row.id));
  return rows.filter((_row, index) => found[index] !== undefined);
}

/** Returns a row with the task of a submission that was accepted after the manifest was written. */
function withTask(row: StoredRow, taskId: string | undefined): StoredRow {
  const waiting = row.state === 'queued' || row.state === 'submitting' || row.state === 'held';
  return taskId !== undefined && waiting ? { ...row, state: 'generating', taskId } : row;
}

/** Returns the earlier submissions of an item that were paid for, which its next attempt counts; an empty list if none. */
function spentBefore(batch: string, { id, hash, attempts, pastAttempts, taskId }: StoredRow): LoggedSubmission[] {
  const spent = paid(pastAttempts) + (taskId === undefined ? 0 : 1);
  if (spent === 0) return [];
  const history = pastAttempts.map((attempt) => `${JSON.stringify(attempt)}\n`).join('');
  return [{ batch, id, hash, attempt: Math.max(1, attempts), at: Date.now(), queued: true, spent, history }];
}

function paid(past: StoredRow['pastAttempts']): number {
  return past.filter(({ postedAt }) => postedAt !== undefined).length;
}

function count(sum: Adopted, state: AdoptedState): void {
  if (state === 'done') sum.done += 1;
  else if (state === 'generating') sum.underWay += 1;
  else sum.ended += 1;
}

function itemOf(
  { model }: App,
  { storage }: BatchFolder,
  row: StoredRow,
  state: AdoptedState,
  size: number | undefined,
): AdoptedItem {
  const { renamed, more = [] } = row;
  const mayHaveTask = row.taskId !== undefined || row.state === 'submitting' || row.state === 'held';
  const lost = state === 'held' && row.state !== 'held';
  const clip = state === 'done' && {
    location: storage.locate(row.output),
    size: row.size ?? size,
    sha256: row.sha256,
    ...(more.length > 0 && { more: JSON.stringify(more) }),
    ...(renamed && { storedAs: row.output, storedAsReason: renamed.reason }),
  };
  return {
    id: row.id,
    priority: row.priority,
    provider: row.provider,
    output: renamed?.from ?? row.output,
    input: row.input,
    state,
    attempt: Math.max(1, row.attempts),
    posted: paid(row.pastAttempts) + (mayHaveTask ? 1 : 0),
    history: row.pastAttempts,
    names: [...(renamed ? [row.output] : []), ...more.map((file) => file.output)],
    fields: {
      task: row.taskId,
      postedAt: row.postedAt,
      endedAt: state === 'generating' ? undefined : row.endedAt,
      ...(row.taskId !== undefined && { kind: kindOf(model, model.videoSeconds(row.input), row.provider) }),
      ...clip,
      ...((state === 'failed' || state === 'held') && {
        code: lost ? 'LEDGER_LOST' : (row.code ?? 'UNKNOWN'),
        message: lost ? reasons.LEDGER_LOST : row.message,
      }),
    },
  };
}
