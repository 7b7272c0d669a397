import { MAX_TEXT, MAX_WHOLE } from '../../size-limits.ts';
import { moved, START, type Place, type Tree } from '../../tree.ts';
import { quote } from '../../messages.ts';
import { linesOf } from '../lines.ts';
import {
  brokenHeader,
  jobsName,
  unreadable,
  headerAround,
  splitRoot,
  type Entry,
  type Header,
  type ReadOptions,
  type Reader,
  type Source,
} from '../reader.ts';
import { YamlScope, type YamlEffects } from './scope.ts';
import { YamlSplitter, type JobText } from './splitter.ts';
import { parseYaml, type YamlText } from './parse-yaml.ts';

/** Characters of jobs that are parsed together: creating a parser costs more than parsing a job. */
const GROUP = 32 * 1024;

/** Reads jobs from YAML: job by job if `jobs` is a block list, otherwise as a whole. */
export class YamlReader implements Reader {
  readonly #source: Source;
  readonly #jobsField: string;
  readonly #notice: (text: string) => void;
  #scope = new YamlScope();
  #whole: Tree[] | undefined;
  /** Aliases below the jobs, whose values would change if a job set their anchors. */
  #below: YamlEffects['aliases'] = [];

  constructor(source: Source, { renames, notice }: Pick<ReadOptions, 'renames' | 'notice'>) {
    this.#source = source;
    this.#jobsField = jobsName(renames);
    this.#notice = notice;
  }

  async header(): Promise<Header> {
    const splitter = new YamlSplitter(this.#jobsField);
    for await (const lines of linesOf(this.#source.text())) {
      for (const line of lines) splitter.push(line);
      if (splitter.whole) return await this.#readWhole();
    }
    const header = this.#header(splitter.header);
    return splitter.diagnostic === undefined ? header : brokenHeader([...header.diagnostics, splitter.diagnostic]);
  }

  async *jobs(): AsyncGenerator<Entry> {
    if (this.#whole !== undefined) {
      for (const tree of this.#whole) yield { place: tree.place, tree, diagnostics: [] };
      return;
    }
    const splitter = new YamlSplitter(this.#jobsField);
    let group: JobText[] = [];
    let size = 0;
    for await (const lines of linesOf(this.#source.text())) {
      for (const line of lines) {
        const job = splitter.push(line);
        if (job === undefined) continue;
        group.push(job);
        size += job.text.length;
        if (size < GROUP) continue;
        yield* this.#group(group);
        group = [];
        size = 0;
      }
    }
    const last = splitter.end();
    yield* this.#group(last === undefined ? group : [...group, last]);
  }

  #header({ text, from, to }: YamlSplitter['header']): Header {
    if (text.length > MAX_TEXT) {
      return brokenHeader([{ place: START, message: 'the text around the jobs is longer than 1 MB' }]);
    }
    const parsed = parseYaml(text, (place) => moved(place, from, to), this.#scope);
    const { tree, diagnostics, effects } = parsed;
    // An alias refers to an anchor above it, so only anchors above the jobs are visible in them.
    this.#scope.add({ ...effects, anchors: effects.anchors.filter(({ tree: { place } }) => place.line < from.line) });
    this.#below = effects.aliases.filter(({ place }) => place.line >= to.line);
    if (tree !== undefined) return headerAround(tree, diagnostics, this.#jobsField);
    return { tree, diagnostics, broken: diagnostics.length > 0 };
  }

  /** Yields the jobs of consecutive pieces. Parses them together, or one by one if there is an error. */
  *#group(jobs: readonly JobText[]): Generator<Entry> {
    const [first] = jobs;
    if (first === undefined) return;
    const plain = jobs.map(plainText);
    if (plain.every((tree) => tree !== undefined)) {
      const characters = jobs.reduce((sum, job) => sum + job.text.length, 0);
      this.#scope.add({ anchors: [], aliases: [], aliased: 0, characters });
      for (const tree of plain) yield { place: tree.place, tree, diagnostics: [] };
      return;
    }
    const text = jobs.map((job) => job.text).join('');
    if (jobs.length > 1 && text.length <= MAX_TEXT) {
      const parsed = this.#parse({ ...first, text });
      const trees = parsed.diagnostics.length === 0 ? parsed.tree?.value : undefined;
      if (Array.isArray(trees) && isOneEach(trees, jobs) && this.#scope.add(parsed.effects)) {
        yield* this.#entries(trees, parsed);
        return;
      }
    }
    for (const job of jobs) yield* this.#job(job);
  }

  *#job(job: JobText): Generator<Entry> {
    const begin: Place = { line: job.line, column: 1 };
    if (job.text.length > MAX_TEXT) {
      yield unreadable(begin, 'the job is longer than 1 MB');
      return;
    }
    const parsed = this.#parse(job);
    const { tree: list, diagnostics, effects } = parsed;
    const trees = Array.isArray(list?.value) ? list.value : [];
    const [tree] = trees;
    if (diagnostics.length > 0) {
      yield { place: tree?.place ?? diagnostics[0]?.place ?? begin, tree, diagnostics };
    } else if (tree === undefined || trees.length > 1) {
      const found = trees.length > 1 ? `${trees.length} jobs` : 'no job';
      yield unreadable(begin, `${found} where one was expected: is the dash aligned with those above it?`);
    } else if (this.#scope.add(effects)) yield* this.#entries(trees, parsed);
    else yield unreadable(begin, 'anchors contain more than 1,000,000 values');
  }

  *#entries(trees: readonly Tree[], { effects, comments }: YamlText): Generator<Entry> {
    for (const { place, text } of comments) {
      this.#notice(
        `line ${place.line}: ${quote(text)} is a YAML comment: put the text in quotes if it belongs to the text`,
      );
    }
    const set = new Set(effects.anchors.map(({ name }) => name));
    const reset = this.#below.find(({ name }) => set.has(name));
    if (reset !== undefined) {
      yield unreadable(
        reset.place,
        `the anchor of ${quote(`*${reset.name}`)} is set in a job: move this above \`jobs\``,
      );
    }
    for (const tree of trees) yield { place: tree.place, tree, diagnostics: [] };
  }

  #parse({ text, line }: JobText): YamlText {
    return parseYaml(text, (place) => moved(place, START, { line, column: 1 }), this.#scope);
  }

  async #readWhole(): Promise<Header> {
    let text = '';
    for await (const piece of this.#source.text()) {
      text += piece;
      if (text.length <= MAX_WHOLE) continue;
      const message =
        'is over 250 KB and not a block list: write each job as "- …" below `jobs:`, or use JSONL; use --format txt for one prompt per line';
      return brokenHeader([{ place: START, message }]);
    }
    const { tree, diagnostics } = parseYaml(text, (place) => place, this.#scope);
    if (tree === undefined) return brokenHeader(diagnostics);
    const { header, jobs } = splitRoot(tree, diagnostics, this.#jobsField);
    this.#whole = jobs;
    return header;
  }
}

/** A plain text on one line that needs no parser: letters, digits, spaces and marks without a meaning in YAML. */
const PLAIN = /^( *)- ( *)([A-Za-z](?:[A-Za-z0-9 ,.'()_-]*[A-Za-z0-9.,')_-])?) *\r?\n?$/;
/** Words that are not strings in the core schema. */
const WORD = /^(?:null|true|false)$/i;

/** Returns the job of a plain text without a parser, which would dominate the time for a file of short prompts. */
function plainText({ text, line }: JobText): Tree | undefined {
  const [, indent = '', space = '', value = ''] = PLAIN.exec(text) ?? [];
  if (value === '' || WORD.test(value)) return undefined;
  return { place: { line, column: indent.length + space.length + 3 }, value };
}

/** Returns whether each piece contains exactly one job, so that none was split or merged. */
function isOneEach(trees: readonly Tree[], jobs: readonly JobText[]): boolean {
  if (trees.length !== jobs.length) return false;
  return trees.every(({ place, value }, index) => {
    const begin = jobs[index]?.line ?? Infinity;
    const end = jobs[index + 1]?.line ?? Infinity;
    return value !== null && place.line >= begin && place.line < end;
  });
}
