import { MAX_WHOLE } from '../limits.ts';
import type { Fault, Member, Place, Tree } from '../tree.ts';
import { linesOf } from './lines.ts';
import { unreadable, type Entry, type Header, type Reader, type Source } from './reader.ts';
import { parseSimpleYaml } from './yaml-simple.ts';
import { parseYaml } from './yaml-text.ts';
import { YamlSplitter, type Piece } from './yaml-splitter.ts';
import type { Anchors } from './yaml-tree.ts';

/** Reads jobs from YAML: cut into jobs where `jobs` is a block list, else as a whole. */
export class YamlReader implements Reader {
  readonly #source: Source;
  #anchors: Anchors = new Map();
  #whole = false;

  constructor(source: Source) {
    this.#source = source;
  }

  async header(): Promise<Header> {
    const members = new Map<string, Member>();
    const header: Header = { tree: { place: { line: 1, column: 1 }, value: members }, faults: [], broken: false };
    let anchors: Anchors = new Map();
    for await (const piece of this.#pieces()) {
      if (piece.kind === 'whole') {
        this.#whole = true;
        return (await this.#readWhole()).header;
      }
      if (piece.kind === 'fault') {
        header.faults.push(piece.fault);
        header.broken = true;
      }
      if (piece.kind !== 'before' && piece.kind !== 'after') continue;
      const part = parseYaml(piece.text, piece.line, anchors);
      anchors = part.anchors;
      // YAML knows an anchor only after it was set, so jobs see those above them.
      if (piece.kind === 'before') this.#anchors = anchors;
      header.faults.push(...part.faults);
      if (part.tree === undefined && part.faults.length > 0) header.broken = true;
      if (!gather(part.tree, members, header.faults)) header.broken = true;
    }
    return header;
  }

  async *jobs(): AsyncGenerator<Entry> {
    if (this.#whole) {
      yield* (await this.#readWhole()).jobs;
      return;
    }
    for await (const piece of this.#pieces()) {
      if (piece.kind === 'oversized') yield unreadable({ line: piece.line, column: 1 }, 'the job is longer than 1 MB');
      if (piece.kind === 'job') yield this.#job(piece.text, piece.line);
    }
  }

  async *#pieces(): AsyncGenerator<Piece> {
    const splitter = new YamlSplitter();
    for await (const lines of linesOf(this.#source.text())) {
      // Not yield*: it would wait once for every line, and most end no piece.
      for (const line of lines) for (const piece of splitter.push(line)) yield piece;
    }
    for (const piece of splitter.end()) yield piece;
  }

  #job(text: string, line: number): Entry {
    const simple = parseSimpleYaml(text, line);
    if (simple !== undefined) return { place: simple.place, tree: simple, faults: [] };
    const { tree: list, faults } = parseYaml(text, line, this.#anchors);
    const tree = Array.isArray(list?.value) ? list.value[0] : undefined;
    const place = tree?.place ?? faults[0]?.place ?? { line, column: 1 };
    return { place, tree, faults };
  }

  async #readWhole(): Promise<{ header: Header; jobs: Entry[] }> {
    let text = '';
    for await (const piece of this.#source.text()) {
      text += piece;
      if (text.length <= MAX_WHOLE) continue;
      const message = 'is over 16 MB and not a block list: write each job as "- …" below `jobs:`, or use JSONL';
      return brokenFile([{ place: { line: 1, column: 1 }, message }]);
    }
    const { tree, faults } = parseYaml(text, 1, new Map());
    if (tree === undefined) return brokenFile(faults);
    if (Array.isArray(tree.value)) {
      return { header: { tree: undefined, faults, broken: false }, jobs: tree.value.map(entryOf) };
    }
    const members = new Map<string, Member>();
    if (!gather(tree, members, faults)) return brokenFile(faults);
    const jobs = members.get('jobs')?.value;
    const list = Array.isArray(jobs?.value) ? jobs.value : [];
    if (jobs !== undefined && jobs.value !== null && !Array.isArray(jobs.value)) {
      faults.push({ place: jobs.place, field: 'jobs', message: 'must be a list of jobs' });
    }
    members.delete('jobs');
    return { header: { tree: { ...tree, value: members }, faults, broken: false }, jobs: list.map(entryOf) };
  }
}

function entryOf(tree: Tree): Entry {
  return { place: tree.place, tree, faults: [] };
}

function brokenFile(faults: Fault[]): { header: Header; jobs: Entry[] } {
  return { header: { tree: undefined, faults, broken: true }, jobs: [] };
}

/** Adds the fields of a part of the header; false when it is no mapping. */
function gather(part: Tree | undefined, members: Map<string, Member>, faults: Fault[]): boolean {
  if (part === undefined) return true;
  if (!(part.value instanceof Map)) {
    faults.push({ place: part.place, message: 'must be a mapping with `jobs`, or a list of jobs' });
    return false;
  }
  for (const [name, member] of part.value) {
    const first: Place | undefined = members.get(name)?.key;
    if (first === undefined) members.set(name, member);
    else faults.push({ place: member.key, field: name, message: `is given twice: first at line ${first.line}` });
  }
  return true;
}
