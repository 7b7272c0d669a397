import type { Diagnostic } from '../../core/errors.ts';
import { kling26 } from '../../apixo/models/kling-2-6.ts';
import type { Owner } from './name-table.ts';
import { expandJob } from './expand.ts';
import { compileHeader, type Batch, type HeaderContext } from './header.ts';
import type { Totals } from '../job.ts';
import { MAX_CLIPS_PER_FILE } from '../limits.ts';
import type { DiagnosticList } from '../diagnostics.ts';
import type { Entry, Reader } from '../read/reader.ts';
import { formatPath, isFields, placeAt, plain, type Fault, type Fields, type Issue, type Tree } from '../tree.ts';
import type { Uniqueness } from './uniqueness.ts';
import { kindOf, truncate } from '../wording.ts';

export interface Checked {
  batch: Batch;
  totals: Totals;
}

/** The name of a job in messages; made only when there is something to say. */
type Label = () => string;

/** Reads a whole file and adds everything that is wrong with it to the problems. */
export class FileCheck {
  readonly #path: string;
  /** Number of the file among those of the run, from 0. */
  readonly #file: number;
  readonly #problems: DiagnosticList;
  readonly #uniqueness: Uniqueness;
  #clips = 0;
  #videoSeconds = 0;
  readonly #kinds = new Map<string, { -readonly [K in keyof Totals['kinds'][number]]: Totals['kinds'][number][K] }>();

  constructor(path: string, file: number, problems: DiagnosticList, uniqueness: Uniqueness) {
    this.#path = path;
    this.#file = file;
    this.#problems = problems;
    this.#uniqueness = uniqueness;
  }

  async run(reader: Reader, context: HeaderContext): Promise<Checked> {
    const before = this.#problems.count;
    const header = await reader.header();
    await context.images.read(fieldsOf(header.tree)['defaults']);
    const batch = this.#header(header.tree, header.faults, context);
    let number = 0;
    for await (const entry of reader.jobs()) {
      number++;
      const label = (): string => labelOf(entry, number);
      this.#add(entry.faults, entry.tree, label);
      if (entry.tree === undefined || header.broken) continue;
      await context.images.read(fieldsOf(entry.tree));
      this.#job({ ...entry, tree: entry.tree }, batch, number, label);
      if (this.#clips <= MAX_CLIPS_PER_FILE) continue;
      const most = MAX_CLIPS_PER_FILE.toLocaleString('en');
      this.#problem(entry.place, label, undefined, `with this job the file has more than ${most} clips: split it`);
      break;
    }
    if (number === 0 && this.#problems.count === before) {
      this.#problems.add({ file: this.#path, message: 'has no jobs' });
    }
    const totals = { clips: this.#clips, videoSeconds: this.#videoSeconds, kinds: [...this.#kinds.values()] };
    return { batch, totals };
  }

  #header(tree: Tree | undefined, faults: Fault[], context: HeaderContext): Batch {
    const told = this.#add(faults, tree);
    return compileHeader(fieldsOf(tree), context, (issue) => this.#issue(issue, tree, told));
  }

  #job(entry: Entry & { tree: Tree }, batch: Batch, number: number, label: Label): void {
    const { tree, place } = entry;
    const told = new Set(entry.faults.map(({ place: at }) => `${at.line}:${at.column}`));
    if (!(tree.value instanceof Map)) {
      const message = tree.value === null ? 'is empty' : `must be a mapping of fields, not ${kindOf(tree.value)}`;
      if (told.size === 0) this.#problem(tree.place, label, undefined, message);
      return;
    }
    const owner: Owner = { file: this.#file, line: place.line, job: number };
    let repeated = false;
    const clips = expandJob(fieldsOf(tree), batch, this.#clips + 1, (issue) => this.#issue(issue, tree, told, label));
    for (const clip of clips) {
      const issue = this.#uniqueness.check(batch.name, clip, owner);
      // Copies of a repeated job are all repeated: said once.
      if (issue !== undefined && !repeated) this.#issue(issue, tree, told, label);
      repeated ||= issue !== undefined;
      this.#clips++;
      this.#videoSeconds += kling26.videoSeconds(clip.job.input);
      const { mode, duration } = clip.job.input;
      const kind = this.#kinds.get(`${mode} ${duration}`);
      if (kind === undefined) this.#kinds.set(`${mode} ${duration}`, { mode, duration, clips: 1 });
      else kind.clips++;
    }
  }

  /** @returns the places of the faults: what is wrong there is said, and whatever follows from it is not */
  #add(faults: readonly Fault[], tree: Tree | undefined, label?: Label): Set<string> {
    for (const { place, field, message } of faults) this.#problem(place, label, field && truncate(field), message);
    return new Set(tree === undefined ? [] : faults.map(({ place }) => `${place.line}:${place.column}`));
  }

  #issue(issue: Issue, tree: Tree | undefined, told: ReadonlySet<string>, label?: Label): void {
    const place = tree === undefined ? undefined : placeAt(tree, issue.path, issue.at);
    if (place !== undefined && told.has(`${place.line}:${place.column}`)) return;
    const field = issue.path.length === 0 ? undefined : truncate(formatPath(issue.path));
    this.#problem(place, label, field, issue.message);
  }

  #problem(
    place: Tree['place'] | undefined,
    label: Label | undefined,
    field: string | undefined,
    message: string,
  ): void {
    const problem: Diagnostic = { file: this.#path, ...place, message };
    if (label !== undefined) problem.job = label();
    if (field !== undefined) problem.field = field;
    this.#problems.add(problem);
  }
}

function fieldsOf(tree: Tree | undefined): Fields {
  const fields = tree === undefined ? undefined : plain(tree);
  return isFields(fields) ? fields : {};
}

/** The id that the user wrote, or the number of the job. */
function labelOf(entry: Entry, number: number): string {
  const value = entry.tree?.value instanceof Map ? entry.tree.value.get('id')?.value.value : undefined;
  return typeof value === 'string' && value !== '' ? truncate(value) : `#${number}`;
}
