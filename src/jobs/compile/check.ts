import { formatCount } from '../../core/format.ts';
import type { Diagnostic } from '../../core/errors.ts';
import { kling26 } from '../../apixo/models/kling-2-6.ts';
import type { Owner } from './name-table.ts';
import { JobCompiler } from './compile.ts';
import { expandJob } from './expand.ts';
import { compileHeader, type Batch, type HeaderContext } from './header.ts';
import type { Job, Mode, Totals } from '../job.ts';
import { MAX_COUNTED } from '../size-limits.ts';
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
import { kindOf, truncate } from '../messages.ts';

export interface Checked {
  batch: Batch;
  totals: Totals;
  /** Jobs that were skipped because another one has the same content. */
  duplicates: number;
}

export interface CheckOptions {
  path: string;
  /** Number of the file among those of the run, from 0. */
  file: number;
  /** Maximum number of clips of the file. */
  maxItems: number;
  /** Hint for a file without jobs. */
  empty: string;
  /** Handling of a job with the same content as another one. */
  duplicates: 'refuse' | 'skip';
  /** Fields of a job by their names in the file. */
  renames: ReadonlyMap<string, string>;
  /** Stores a clip; called only while there are no errors. */
  keep: (job: Job) => Promise<void> | undefined;
}

/** Returns the name of a job in messages. Called only for a message. */
type Label = () => string;

const NOTHING: ReadonlySet<string> = new Set();

/** Checks a file: stores its clips, and adds its errors to a list. */
export class FileCheck {
  readonly #options: CheckOptions;
  readonly #list: DiagnosticList;
  readonly #uniqueness: Uniqueness;
  #clips = 0;
  #duplicates = 0;
  #videoSeconds = 0;
  readonly #kinds: { mode: Mode; duration: Job['input']['duration']; clips: number }[] = [];
  /** Keys of reported errors that are the same in every job. */
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
    await context.images.read(context.set);
    const batch = this.#header(tree, header.diagnostics, {
      ...context,
      columns: header.variables,
      faulty: [...(context.faulty ?? []), ...(header.faulty ?? [])],
    });
    const compiler = new JobCompiler(batch);
    let number = 0;
    for await (const entry of reader.jobs()) {
      number++;
      const label = (): string => labelOf(entry, number);
      const reported = this.#add(entry.diagnostics, entry.tree, label);
      if (entry.tree !== undefined && !header.broken) {
        const owner: Owner = { file: this.#options.file, line: entry.place.line, job: number };
        await this.#job(this.#renamed(entry.tree), compiler, owner, reported, label);
      }
      if (this.#clips > this.#options.maxItems) {
        const most = formatCount(this.#options.maxItems);
        const message = `with this job the file has more than ${most} clips: split it, or raise CLIPMILL_MAX_ITEMS`;
        this.#diagnostic(entry.place, label, undefined, message);
        break;
      }
      if (this.#list.count - before > MAX_COUNTED) {
        this.#diagnostic(
          entry.place,
          label,
          undefined,
          'reading stopped here, after too many errors: correct these first',
        );
        break;
      }
    }
    if (number === 0 && this.#list.count === before) {
      this.#list.add({ file: this.#options.path, message: `has no jobs: ${this.#options.empty}` });
    }
    const totals = { clips: this.#clips, videoSeconds: this.#videoSeconds, kinds: this.#kinds };
    return { batch, totals, duplicates: this.#duplicates };
  }

  #header(tree: Tree | undefined, diagnostics: SyntaxDiagnostic[], context: HeaderContext): Batch {
    const reported = this.#add(diagnostics, tree);
    return compileHeader(headerOf(tree), context, (diagnostic) => this.#field(diagnostic, tree, reported));
  }

  async #job(
    tree: Tree,
    compiler: JobCompiler,
    owner: Owner,
    reported: ReadonlySet<string>,
    label: Label,
  ): Promise<void> {
    const fields = jobOf(tree);
    if (fields === undefined) {
      const kind = tree.value === null ? 'is empty' : `must be text or a mapping of fields, not ${kindOf(tree.value)}`;
      if (reported.size === 0) this.#diagnostic(tree.place, label, undefined, kind);
      return;
    }
    const { batch } = compiler;
    if (fields['image_files'] !== undefined) await batch.images.read(fields);
    let repeated = false;
    const first = this.#clips + this.#duplicates + 1;
    const report = (diagnostic: FieldDiagnostic): void => this.#field(diagnostic, tree, reported, label);
    for (const clip of expandJob(fields, compiler, first, report)) {
      const issue = this.#uniqueness.check(batch.name, clip, owner);
      if (issue?.sameContent && this.#options.duplicates === 'skip') {
        this.#duplicates++;
        continue;
      }
      // If a job is a duplicate, so are its copies, which are not reported again.
      if (issue !== undefined && !repeated) report(issue);
      repeated ||= issue !== undefined;
      if (clip.job === undefined) continue;
      const kept = this.#count(clip.job);
      if (kept !== undefined) await kept;
      if (this.#clips > this.#options.maxItems) return;
    }
  }

  #count(job: Job): Promise<void> | undefined {
    this.#clips++;
    this.#videoSeconds += kling26.videoSeconds(job.input);
    const { mode, duration } = job.input;
    const kind = this.#kinds.find((each) => each.mode === mode && each.duration === duration);
    if (kind === undefined) this.#kinds.push({ mode, duration, clips: 1 });
    else kind.clips++;
    return this.#list.count === 0 ? this.#options.keep(job) : undefined;
  }

  /** Renames fields as given by `--column`. */
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

  /** Adds diagnostics. @returns their positions; further errors there are consequences, and are not reported */
  #add(diagnostics: readonly SyntaxDiagnostic[], tree: Tree | undefined, label?: Label): ReadonlySet<string> {
    for (const { place, field, message } of diagnostics)
      this.#diagnostic(place, label, field && truncate(field), message);
    if (tree === undefined || diagnostics.length === 0) return NOTHING;
    return new Set(diagnostics.map(({ place }) => `${place.line}:${place.column}`));
  }

  #field(diagnostic: FieldDiagnostic, tree: Tree | undefined, reported: ReadonlySet<string>, label?: Label): void {
    if (diagnostic.once !== undefined) {
      if (this.#once.has(diagnostic.once)) return;
      this.#once.add(diagnostic.once);
    }
    const place = tree === undefined ? undefined : placeAt(tree, diagnostic.path, diagnostic.at);
    if (place !== undefined && reported.has(`${place.line}:${place.column}`)) return;
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

/** Returns the fields of a header. A list with an unknown name is dropped, because the name is the error. */
function headerOf(tree: Tree | undefined): Fields {
  if (!(tree?.value instanceof Map)) return {};
  const fields = Object.create(null) as Fields;
  for (const [name, { value }] of tree.value) {
    fields[name] = headerFields.includes(name) || !Array.isArray(value.value) ? plain(value) : [];
  }
  return fields;
}

/** Returns the fields of a job, text as written, or `undefined` if the value is not a job. A string is a prompt. */
function jobOf(tree: Tree): Fields | undefined {
  if (typeof tree.value === 'string') return { prompt: tree.value };
  if (!(tree.value instanceof Map)) return undefined;
  const fields = Object.create(null) as Fields;
  for (const [name, { value }] of tree.value) fields[name] = textFields(name) ? asWritten(value) : plain(value);
  return fields;
}

/** Returns the id of the job in the file, or its number. */
function labelOf(entry: Entry, number: number): string {
  const id = entry.tree?.value instanceof Map ? entry.tree.value.get('id')?.value : undefined;
  const text = id?.written ?? id?.value;
  return typeof text === 'string' && text !== '' ? truncate(text) : `#${number}`;
}
