import { MAX_TEXT } from '../limits.ts';
import type { Member, Place, Tree } from '../tree.ts';
import { JsonSplitter, type Piece } from './json-splitter.ts';
import { parseJson } from './json-text.ts';
import { unreadable, type Entry, type Header, type Reader, type Source } from './reader.ts';

/** Reads jobs from `{"batch": …, "defaults": …, "jobs": [...]}` or from a bare `[...]`. */
export class JsonReader implements Reader {
  readonly #source: Source;

  constructor(source: Source) {
    this.#source = source;
  }

  async header(): Promise<Header> {
    const members = new Map<string, Member>();
    const header: Header = { tree: { place: { line: 1, column: 1 }, value: members }, faults: [], broken: false };
    let jobs: Place | undefined;
    const twice = (name: string, key: Place, first: Place): void => {
      header.faults.push({ place: key, field: name, message: `is given twice: first at line ${first.line}` });
    };
    for await (const piece of this.#pieces()) {
      if (piece.kind === 'fault') {
        if (piece.fault !== undefined) header.faults.push(piece.fault);
        // Fields that would stand behind it are not known. A bare list has none.
        header.broken = jobs !== undefined || members.size > 0;
      } else if (piece.kind === 'jobs') {
        if (jobs !== undefined) twice('jobs', piece.key, jobs);
        jobs ??= piece.key;
      } else if (piece.kind === 'field') {
        const name = parseJson(piece.name, piece.key);
        const value = name.tree === undefined ? name : parseBounded(piece.text, piece.place);
        header.faults.push(...value.faults);
        if (typeof name.tree?.value !== 'string' || value.tree === undefined) header.broken = true;
        else if (name.tree.value === 'jobs') {
          header.faults.push({ place: piece.place, field: 'jobs', message: 'must be a list of jobs' });
        } else {
          const first = members.get(name.tree.value);
          if (first !== undefined) twice(name.tree.value, piece.key, first.key);
          else members.set(name.tree.value, { key: piece.key, value: value.tree });
        }
      }
    }
    return header;
  }

  async *jobs(): AsyncGenerator<Entry> {
    for await (const piece of this.#pieces()) {
      if (piece.kind === 'job') yield { ...parseBounded(piece.text, piece.place), place: piece.place };
    }
  }

  async *#pieces(): AsyncGenerator<Piece> {
    const splitter = new JsonSplitter();
    for await (const text of this.#source.text()) yield* splitter.push(text);
    yield* splitter.end();
  }
}

function parseBounded(text: string, place: Place): { tree: Tree | undefined; faults: Entry['faults'] } {
  if (text.length > MAX_TEXT) return unreadable(place, 'is longer than 1 MB');
  return parseJson(text, place);
}
