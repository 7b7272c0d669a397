import type { Diagnostic } from '../../core/errors.ts';
import { kling26 } from '../../apixo/models/kling-2-6.ts';
import type { Owner } from './name-table.ts';
import { expandJob } from './expand.ts';
import { compileHeader, type Batch, type HeaderContext } from './header.ts';
import type { Job, Totals } from '../job.ts';
import { MAX_COUNTED } from '../limits.ts';
import type { DiagnosticList } from '../diagnostics.ts';
import type { Entry, Reader } from '../read/reader.ts';
import { headerFields, headerShape, textFields } from '../schema.ts';
import {
  asWritten,
  formatPath,
  isFields,
  placeAt,
  plain,
  type FieldDiagnostic,
  type Fields,
  type Member,
  type SyntaxDiagnostic,
  type Tree,
} from '../tree.ts';
import type { Uniqueness } from './uniqueness.ts';
import { kindOf, truncate } from '../wording.ts';

export interface Checked {
  batch: Batch;
  totals: Totals;
  /** Jobs that were passed over because another one has the same content. */
  duplicates: number;
}

export interface CheckOptions {
  path: string;
  /** Number of the file among those of the run, from 0. */
  file: number;
  /** Most clips of the file. */
  maxItems: number;
  /** Jobs of a content that another job has: a mistake, or passed over. */
  duplicates: 'refuse' | 'skip';
  /** Fields of a job by the name that the file has for them. */
  renames: ReadonlyMap<string, string>;
  /** Takes each clip, as long as nothing is wrong. */
  keep: (job: Job) => Promise<void>;
}

/** The name of a job in messages; made only when there is a message. */
type Label = () => string;

/** Reads a whole file once, hands its clips out, and adds everything that is wrong with it to a list. */
export class FileCheck {
  readonly #options: CheckOptions;
  readonly #list: DiagnosticList;
  readonly #uniqueness: Uniqueness;
  #clips = 0;
  #duplicates = 0;
  #videoSeconds = 0;
  readonly #kinds = new Map<string, { -readonly [K in keyof Totals['kinds'][number]]: Totals['kinds'][number][K] }>();
  /** Diagnostics that are the same for every job, and were reported. */
  readonly #once = new Set<string>();

  constructor(options: CheckOptions, list: DiagnosticList, uniqueness: Uniqueness) {
    this.#options = options;
    this.#list = list;
    this.#uniqueness = uniqueness;
  }

  async run(reader: Reader, context: HeaderContext): Promise<Checked> {
    const before = this.#list.count;
    const header = await reader.header();
    const tree = header.tree && this.#renamed(header.tree, true);
    await context.images.read(fieldsOf(tree)['defaults']);
    const batch = this.#header(tree, header.diagnostics, { ...context, columns: header.variables });
    let number = 0;
    for await (const entry of reader.jobs()) {
      number++;
      const label = (): string => labelOf(entry, number);
      this.#add(entry.diagnostics, entry.tree, label);
      if (entry.tree !== undefined && !header.broken) {
        await this.#job({ ...entry, tree: this.#renamed(entry.tree) }, batch, number, label);
      }
      if (this.#clips > this.#options.maxItems) {
        const most = this.#options.maxItems.toLocaleString('en');
        const message = `with this job the file has more than ${most} clips: split it, or raise CLIPMILL_MAX_ITEMS`;
        this.#diagnostic(entry.place, label, undefined, message);
        break;
      }
      if (this.#list.count - before > MAX_COUNTED) {
        this.#diagnostic(entry.place, label, undefined, 'reading ended here, after too many mistakes');
        break;
      }
    }
    if (number === 0 && this.#list.count === before) {
      this.#list.add({ file: this.#options.path, message: 'has no jobs' });
    }
    const totals = { clips: this.#clips, videoSeconds: this.#videoSeconds, kinds: [...this.#kinds.values()] };
    return { batch, totals, duplicates: this.#duplicates };
  }

  #header(tree: Tree | undefined, diagnostics: SyntaxDiagnostic[], context: HeaderContext): Batch {
    const told = this.#add(diagnostics, tree);
    return compileHeader(headerOf(tree), context, (diagnostic) => this.#field(diagnostic, tree, told));
  }

  async #job(entry: Entry & { tree: Tree }, batch: Batch, number: number, label: Label): Promise<void> {
    const { tree, place } = entry;
    const told = new Set(entry.diagnostics.map(({ place: at }) => `${at.line}:${at.column}`));
    const fields = jobOf(tree);
    if (fields === undefined) {
      const kind =
        tree.value === null ? 'is empty' : `must be a text or a mapping of fields, not ${kindOf(tree.value)}`;
      if (told.size === 0) this.#diagnostic(tree.place, label, undefined, kind);
      return;
    }
    await batch.images.read(fields);
    await batch.images.read(batch.set);
    const owner: Owner = { file: this.#options.file, line: place.line, job: number };
    let repeated = false;
    const first = this.#clips + this.#duplicates + 1;
    const clips = expandJob(fields, batch, first, (diagnostic) => this.#field(diagnostic, tree, told, label));
    for (const clip of clips) {
      const issue = this.#uniqueness.check(batch.name, clip, owner);
      if (issue?.sameContent && this.#options.duplicates === 'skip') {
        this.#duplicates++;
        continue;
      }
      // Copies of a repeated job are all repeated: said once.
      if (issue !== undefined && !repeated) this.#field(issue, tree, told, label);
      repeated ||= issue !== undefined;
      await this.#count(clip.job);
      if (this.#clips > this.#options.maxItems) return;
    }
  }

  async #count(job: Job): Promise<void> {
    this.#clips++;
    this.#videoSeconds += kling26.videoSeconds(job.input);
    const { mode, duration } = job.input;
    const kind = this.#kinds.get(`${mode} ${duration}`);
    if (kind === undefined) this.#kinds.set(`${mode} ${duration}`, { mode, duration, clips: 1 });
    else kind.clips++;
    if (this.#list.count === 0) await this.#options.keep(job);
  }

  /** Gives fields their names, where the file has others for them. */
  #renamed(tree: Tree, header = false): Tree {
    const { renames } = this.#options;
    if (renames.size === 0 || !(tree.value instanceof Map)) return tree;
    const given = new Set<string>();
    for (const name of tree.value.keys()) {
      const field = renames.get(name);
      if (field !== undefined) given.add(field);
    }
    const members = new Map<string, Member>();
    for (const [name, member] of tree.value) {
      const field = renames.get(name);
      const known = header && (name === 'defaults' || Object.hasOwn(headerShape, name));
      if (field !== undefined) members.set(field, member);
      else members.set(given.has(name) && !known ? `column_${name}` : name, member);
    }
    return { ...tree, value: members };
  }

  /** @returns the places of the diagnostics: what follows from what is wrong there is not reported */
  #add(diagnostics: readonly SyntaxDiagnostic[], tree: Tree | undefined, label?: Label): Set<string> {
    for (const { place, field, message } of diagnostics)
      this.#diagnostic(place, label, field && truncate(field), message);
    return new Set(tree === undefined ? [] : diagnostics.map(({ place }) => `${place.line}:${place.column}`));
  }

  #field(diagnostic: FieldDiagnostic, tree: Tree | undefined, told: ReadonlySet<string>, label?: Label): void {
    if (diagnostic.once !== undefined) {
      if (this.#once.has(diagnostic.once)) return;
      this.#once.add(diagnostic.once);
    }
    const place = tree === undefined ? undefined : placeAt(tree, diagnostic.path, diagnostic.at);
    if (place !== undefined && told.has(`${place.line}:${place.column}`)) return;
    const field = diagnostic.path.length === 0 ? undefined : truncate(formatPath(diagnostic.path));
    this.#diagnostic(place, label, field, diagnostic.message);
  }

  #diagnostic(
    place: Tree['place'] | undefined,
    label: Label | undefined,
    field: string | undefined,
    message: string,
  ): void {
    const diagnostic: Diagnostic = { file: this.#options.path, ...place, message };
    if (label !== undefined) diagnostic.job = label();
    if (field !== undefined) diagnostic.field = field;
    this.#list.add(diagnostic);
  }
}

function fieldsOf(tree: Tree | undefined): Fields {
  const fields = tree === undefined ? undefined : plain(tree);
  return isFields(fields) ? fields : {};
}

/** The fields of a header. A large list under an unknown name is not converted: its name is what is wrong. */
function headerOf(tree: Tree | undefined): Fields {
  if (!(tree?.value instanceof Map)) return {};
  const fields = Object.create(null) as Fields;
  for (const [name, { value }] of tree.value) {
    fields[name] = headerFields.includes(name) || !Array.isArray(value.value) ? plain(value) : [];
  }
  return fields;
}

/** The fields of a job, texts as they are written; `undefined` when it is none. A text is the prompt of one. */
function jobOf(tree: Tree): Fields | undefined {
  if (typeof tree.value === 'string') return { prompt: tree.value };
  if (!(tree.value instanceof Map)) return undefined;
  const fields = Object.create(null) as Fields;
  for (const [name, { value }] of tree.value) fields[name] = textFields(name) ? asWritten(value) : plain(value);
  return fields;
}

/** The id that the user wrote, or the number of the job. */
function labelOf(entry: Entry, number: number): string {
  const id = entry.tree?.value instanceof Map ? entry.tree.value.get('id')?.value : undefined;
  const text = id?.written ?? id?.value;
  return typeof text === 'string' && text !== '' ? truncate(text) : `#${number}`;
}
