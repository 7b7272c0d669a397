import type { Member } from '../../tree.ts';
import { quote } from '../../messages.ts';
import { plural } from '../../../core/format.ts';
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
import { fieldNamed } from '../table/columns.ts';

/** Start of options of another program, such as ` --w 832`. In prose, a space follows a dash. */
const FLAGS = /(?:^|\s)--[A-Za-z]/;

/** Reads one prompt per line. Skips blank lines and lines that begin with `#`. */
export class TextReader implements Reader {
  readonly #source: Source;
  readonly #options: ReadOptions;
  /** Pattern of the list marks or quotes around the prompt of every line. */
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
      notice(`ignored ${plural(comments, 'line')} that ${comments === 1 ? 'begins' : 'begin'} with "#"`);
    if (bare > 0) notice(`list marks or quotes removed from ${plural(bare, 'line')}, as every line has them`);
    if (dropped > 0) notice(`options of another program dropped from ${plural(dropped, 'line')}`);
  }
}

function flagsMessage(flags: string): string {
  return `${quote(flags)} are options of another program: --flags drop removes them, --flags keep sends them as part of the prompt`;
}

/** Returns an error if the first line of a .txt file is that of another format, such as a table saved as text. */
function otherFormat(line: string): string | undefined {
  const format = formatOf(line);
  if (format === undefined) return undefined;
  return `appears to be ${names[format]}: use --format ${format}, or --format txt for one prompt per line`;
}

const names = { jsonl: 'JSON lines', json: 'JSON', yaml: 'YAML', tsv: 'a table with tabs', csv: 'a table' };

function formatOf(line: string): keyof typeof names | undefined {
  if (/^[{[]/.test(line) && isJson(line)) return line.startsWith('[') ? 'json' : 'jsonl';
  if (/^[[{]$/.test(line)) return 'json';
  if (/^\[\s*'.*'\s*,?\s*\]$/.test(line)) return 'yaml';
  if (/^(?:jobs|defaults|batch):(?:\s|$)|^- (?:prompt|id): /.test(line)) return 'yaml';
  if (/^"?sep=.$/i.test(line)) return 'csv';
  for (const [delimiter, format] of [
    ['\t', 'tsv'],
    [',', 'csv'],
    [';', 'csv'],
  ] as const) {
    const cells = line.split(delimiter).map((cell) => cell.trim().replace(/^"(.*)"$/, '$1'));
    if (cells.length > 1 && cells.some((cell) => fieldNamed(cell, new Map()) === 'prompt')) return format;
  }
  return undefined;
}

function isJson(line: string): boolean {
  try {
    return typeof JSON.parse(line) === 'object';
  } catch {
    return false;
  }
}

/** Patterns of list items: marks, numbers, or quotes with commas. The first group is the prompt. */
const patterns = [/^[-*•]\s+(.+)$/, /^\d+[.)]\s+(.+)$/, /^"((?:[^"\\]|\\.)+)",?$/, /^'((?:[^'\\]|\\.)+)',?$/];
const NUMBERED = patterns[1];

/**
 * Detects whether every line is an item of a list, so that marks, numbers or quotes are not part of the prompts:
 * `- a fox`, `1. a fox`, `"a fox",`. Numbers must count from 1, and a comma must follow quotes.
 */
class Decoration {
  #candidates = patterns;
  #lines = 0;
  #commas = 0;

  add(line: string): void {
    this.#lines++;
    if (line.endsWith(',')) this.#commas++;
    this.#candidates = this.#candidates.filter(
      (pattern) => pattern.test(line) && (pattern !== NUMBERED || Number.parseInt(line, 10) === this.#lines),
    );
  }

  /** The pattern of every line; `undefined` if lines have no decoration, or there is only one. */
  get pattern(): RegExp | undefined {
    const [pattern] = this.#candidates;
    if (this.#lines < 2 || pattern === undefined) return undefined;
    const quotes = patterns.indexOf(pattern) >= 2;
    return quotes && this.#commas < this.#lines - 1 ? undefined : pattern;
  }
}
