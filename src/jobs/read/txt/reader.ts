import type { Member } from '../../tree.ts';
import { counted, quote } from '../../wording.ts';
import { linesOf } from '../lines.ts';
import {
  brokenHeader,
  unreadable,
  type Entry,
  type Header,
  type ReadOptions,
  type Reader,
  type Source,
} from '../reader.ts';
import { Decoration } from './decoration.ts';
import { otherFormat } from './other-format.ts';

/** Where options of another program begin: ` --w 832`. In prose, a dash is followed by a space. */
const FLAGS = /(?:^|\s)--[A-Za-z]/;

/** Reads one prompt a line. Blank lines and lines that begin with `#` are passed over. */
export class TextReader implements Reader {
  readonly #source: Source;
  readonly #options: ReadOptions;
  /** What stands around the prompt of every line. */
  #decoration: RegExp | undefined;

  constructor(source: Source, options: ReadOptions) {
    this.#source = source;
    this.#options = options;
  }

  async header(): Promise<Header> {
    const decoration = new Decoration();
    let first = true;
    for await (const lines of linesOf(this.#source.text())) {
      for (const { text, number } of lines) {
        const line = text.trim();
        if (line === '') continue;
        const message = first && this.#options.guessed ? otherFormat(line) : undefined;
        if (message !== undefined) return brokenHeader([{ place: { line: number, column: 1 }, message }]);
        first = false;
        if (!line.startsWith('#')) decoration.add(line);
      }
    }
    this.#decoration = decoration.pattern;
    return { tree: undefined, diagnostics: [], broken: false };
  }

  async *jobs(): AsyncGenerator<Entry> {
    let comments = 0;
    let dropped = 0;
    let bare = 0;
    for await (const lines of linesOf(this.#source.text())) {
      for (const { text, number, cut } of lines) {
        let line = text.trim();
        if (line === '') continue;
        if (line.startsWith('#')) {
          comments++;
          continue;
        }
        const inside = this.#decoration?.exec(line)?.[1];
        if (inside !== undefined) {
          line = inside;
          bare++;
        }
        const place = { line: number, column: text.length - text.trimStart().length + 1 };
        const at = cut ? -1 : line.search(FLAGS);
        if (cut) yield unreadable(place, 'the line is longer than 1 MB');
        else if (at !== -1 && this.#options.flags === undefined)
          yield unreadable(place, flagsMessage(line.slice(at).trim()));
        else {
          const drop = at !== -1 && this.#options.flags === 'drop';
          if (drop) dropped++;
          const prompt = drop ? line.slice(0, at).trim() : line;
          const member: Member = { key: place, value: { place, value: prompt } };
          yield { place, tree: { place, value: new Map([['prompt', member]]) }, diagnostics: [] };
        }
      }
    }
    const { notice } = this.#options;
    if (comments > 0)
      notice(`ignored ${counted(comments, 'line')} that ${comments === 1 ? 'begins' : 'begin'} with "#"`);
    if (bare > 0) notice(`list marks or quotes removed from ${counted(bare, 'line')}, as every line has them`);
    if (dropped > 0) notice(`options of another program dropped from ${counted(dropped, 'line')}`);
  }
}

function flagsMessage(flags: string): string {
  return `${quote(flags)} are options of another program: --flags drop removes them, --flags keep sends them as a part of the prompt`;
}
