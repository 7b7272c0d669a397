import type { App } from '../app.ts';
import type { Job } from '../jobs/job.ts';
import { contentHash } from '../ledger/intake.ts';
import type { StagingTable } from '../ledger/staging.ts';
import { adoptedStateOf, type AdoptedState } from './adopted-state.ts';
import type { BatchFolder } from './batch-folder.ts';

/** Maximum number of names in a message. */
const MAX_NAMED = 10;

/** A number of items, and the names of the first ones. */
export interface NamedCount {
  count: number;
  named: string[];
}

/** Counts of the jobs of a batch, by what its folder has and the ledger lacks. */
export interface ComparisonResult {
  /** Jobs whose row in the manifest has the same content. */
  matched: number;
  /** Clips that exist in the storage. */
  done: number;
  /** Tasks whose result the API still keeps. */
  underWay: number;
  /** Items that failed, were cancelled, or may have been paid for. */
  ended: number;
  /** Jobs whose row has different content. */
  changed: NamedCount;
  /** Jobs without an adoptable row whose output name belongs to an existing file. */
  occupied: NamedCount;
  /** Jobs whose item is in the ledger from another jobs file, with different content. */
  elsewhere: NamedCount;
}

/** Compares the jobs of a submission with the folder of their batch, one page at a time. */
export class FolderComparison {
  readonly result: ComparisonResult = {
    matched: 0,
    done: 0,
    underWay: 0,
    ended: 0,
    changed: { count: 0, named: [] },
    occupied: { count: 0, named: [] },
    elsewhere: { count: 0, named: [] },
  };
  readonly #folder: BatchFolder;
  readonly #resultsLastMs: number;
  readonly #adoptable: StagingTable | undefined;

  /** @param adoptable table to which the ids of the rows that can be adopted are added */
  constructor(folder: BatchFolder, app: Pick<App, 'model'>, adoptable?: StagingTable) {
    this.#adoptable = adoptable;
    this.#folder = folder;
    this.#resultsLastMs = app.model.resultsLastMs;
  }

  /**
   * Compares a page of jobs, and adds it to the result.
   * @param known whether the ledger has the item of each job
   * @returns the state in which the item of each job would be adopted; `undefined` for a known item or a new clip
   */
  async compare(jobs: readonly Job[], known: readonly boolean[]): Promise<(AdoptedState | undefined)[]> {
    const { result } = this;
    const rows = await this.#folder.rowsOf(jobs.map((job) => job.id));
    const unknownNames = jobs.flatMap((job, index) => (known[index] ? [] : [rows[index]?.output ?? job.output]));
    const sizes = await this.#folder.files.sizes(unknownNames);
    let next = 0;
    const states = jobs.map((job, index) => {
      const row = rows[index];
      const same = row?.hash === contentHash(job.provider, JSON.stringify(job.input));
      if (row?.output !== undefined && same) result.matched += 1;
      if (known[index]) return undefined;
      const size = sizes[next];
      next += 1;
      if (row && !same) {
        add(result.changed, job.id);
        return undefined;
      }
      const state = row && adoptedStateOf(row, size, this.#resultsLastMs);
      if (state === undefined && size !== undefined) add(result.occupied, row?.output ?? job.output);
      if (state === 'done') result.done += 1;
      else if (state === 'generating') result.underWay += 1;
      else if (state !== undefined) result.ended += 1;
      return state;
    });
    await this.#adoptable?.put(
      jobs.flatMap(({ id }, index) => (states[index] === undefined ? [] : [[id, '1'] as const])),
    );
    return states;
  }

  /** Records a job whose item is in the ledger from another jobs file, with different content. */
  otherContent(id: string): void {
    add(this.result.elsewhere, id);
  }
}

function add(to: NamedCount, name: string): void {
  to.count += 1;
  if (to.named.length < MAX_NAMED) to.named.push(name);
}
