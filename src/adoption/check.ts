import type { App } from '../app.ts';
import type { Job } from '../jobs/job.ts';
import { contentHash } from '../ledger/intake.ts';
import type { StagingTable } from '../ledger/staging.ts';
import { fateOf, type Fate } from './contents.ts';
import type { BatchFolder } from './open.ts';

/** Maximum number of items named in a message. */
const NAMED = 10;

/** The number of items of one kind, and the names of the first ones. */
export interface NamedCount {
  count: number;
  named: string[];
}

/** The jobs of a batch that the storage holds and the ledger lacks. */
export interface FolderFindings {
  /** Jobs whose row has the same content. */
  matched: number;
  /** Clips that exist in the storage. */
  done: number;
  /** Tasks whose result the API still keeps. */
  underWay: number;
  /** Items that failed, were cancelled, or may have been paid for. */
  ended: number;
  /** Jobs whose row has different content. */
  changed: NamedCount;
  /** Jobs without a row whose name belongs to an existing file. */
  occupied: NamedCount;
  /** Jobs whose item is in the ledger from another jobs file, with different content. */
  elsewhere: NamedCount;
}

/** Compares the jobs of a submission with the folder of their batch, one page at a time. */
export class FolderCheck {
  readonly findings: FolderFindings = {
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
  readonly #wanted: StagingTable | undefined;

  /** @param wanted receives the ids of the rows that can be adopted */
  constructor(folder: BatchFolder, app: Pick<App, 'model'>, wanted?: StagingTable) {
    this.#wanted = wanted;
    this.#folder = folder;
    this.#resultsLastMs = app.model.resultsLastMs;
  }

  /**
   * @param known whether the ledger has the item of each job
   * @returns the fate of the row of each job that the ledger lacks; `undefined` for a new clip
   */
  async page(jobs: readonly Job[], known: readonly boolean[]): Promise<(Fate | undefined)[]> {
    const { findings } = this;
    const rows = await this.#folder.rowsOf(jobs.map((job) => job.id));
    const unknown = jobs.flatMap((job, index) => (known[index] ? [] : [rows[index]?.output ?? job.output]));
    const sizes = await this.#folder.contents.sizes(unknown);
    let next = 0;
    const fates = jobs.map((job, index) => {
      const row = rows[index];
      const same = row?.hash === contentHash(job.provider, JSON.stringify(job.input));
      if (row?.output !== undefined && same) findings.matched += 1;
      if (known[index]) return undefined;
      const size = sizes[next];
      next += 1;
      if (row && !same) {
        add(findings.changed, job.id);
        return undefined;
      }
      const fate = row && fateOf(row, size, this.#resultsLastMs);
      if (fate === undefined && size !== undefined) add(findings.occupied, row?.output ?? job.output);
      if (fate === 'done') findings.done += 1;
      else if (fate === 'generating') findings.underWay += 1;
      else if (fate !== undefined) findings.ended += 1;
      return fate;
    });
    await this.#wanted?.put(jobs.flatMap(({ id }, index) => (fates[index] === undefined ? [] : [[id, '1'] as const])));
    return fates;
  }

  /** Records a job whose item is in the ledger from another jobs file, with different content. */
  otherContent(id: string): void {
    add(this.findings.elsewhere, id);
  }
}

function add(to: NamedCount, name: string): void {
  to.count += 1;
  if (to.named.length < NAMED) to.named.push(name);
}
