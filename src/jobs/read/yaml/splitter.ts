import { MAX_TEXT } from '../../limits.ts';
import { START, type Place, type SyntaxDiagnostic } from '../../tree.ts';
import type { Line } from '../lines.ts';
import { beginsWithOddSpace, oddSpace } from './whitespace.ts';

/** The text of one job with its dash and its indentation. Longer than MAX_TEXT when there is too much of it. */
export interface JobText {
  text: string;
  /** In which it begins, from 1. */
  line: number;
}

/** What a value may begin with when the root is no block mapping whose keys stand at line beginnings. */
const NOT_A_KEY = /^[[{&!*|>?]/;

/** States in which lines are passed over. */
const OPEN: ReadonlySet<State> = new Set(['ended', 'over']);

type State = 'start' | 'header' | 'awaiting' | 'items' | 'rest' | 'ended' | 'over';

/**
 * Cuts a YAML file into its jobs by indentation alone, line by line. That is enough: in a block
 * mapping or list, a value that goes on over several lines - quoted, plain, folded, literal or in
 * brackets - must be indented deeper than the key or the dash it belongs to. So a line at the
 * indentation of the dashes that begins with a dash is a new job, whatever quotes are open; and where
 * it is not, because a quote was left open, the file is broken and that job alone says so.
 *
 * start -> header -> awaiting (saw `jobs:`) -> items -> rest (of the header) -> ended (saw `...`)
 */
export class YamlSplitter {
  /** The file without its jobs. What stands behind the place `from` of it is behind `to` in the file. */
  readonly header = { text: '', from: START, to: START };
  /** The file is not written as a block list, so that it cannot be cut. */
  whole = false;
  /** The file is broken here, and nothing after it means anything. */
  diagnostic: SyntaxDiagnostic | undefined;

  /** The key of the list at the beginning of a line, in any of the ways to write it, and what follows it. */
  readonly #jobsKey: RegExp;
  #state: State = 'start';
  /** Indentation of the root's keys; -1 when the root is the list of jobs. */
  #root = -1;
  /** Indentation of the dashes. */
  #dash = 0;
  #marked = false;
  #job: JobText | undefined;

  constructor(jobsField = 'jobs') {
    const name = jobsField.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
    this.#jobsKey = new RegExp(`^(?:${name}|"${name}"|'${name}')[ \\t]*:(?:[ \\t]+(.*)|$)`);
  }

  /** Takes the next line; returns the job that ends before it, if one does. */
  push(line: Line): JobText | undefined {
    const job = this.#job;
    const text = line.text.replace(/[ \t\r\n]+$/, '');
    let indent = 0;
    while (text[indent] === ' ') indent++;
    const content = text.slice(indent);
    if (content === '' || /^[ \t]*#/.test(content)) this.#add(line.text);
    else if (indent === 0 && /^(?:---|\.\.\.)(?:[ \t]|$)/.test(content)) this.#marker(content, line);
    else this.#content(indent, content, line);
    return job === this.#job ? undefined : job;
  }

  /** The last job. */
  end(): JobText | undefined {
    return this.#job;
  }

  #content(indent: number, content: string, line: Line): void {
    // Cutting goes by the first character of a line, which this one hides.
    if (indent <= Math.max(this.#root, this.#dash) && beginsWithOddSpace(content) && !OPEN.has(this.#state)) {
      const column = indent + content.search(/[^- \t]/);
      const { place, message } = oddSpace({ line: line.number, column: column + 1 }, content.charAt(column - indent));
      return this.#stop(place, message);
    }
    // A bracket that is closed at the beginning of a line belongs to a value above it.
    const isKey = indent <= this.#root && !isDash(content) && !/^[\]}\t]/.test(content);
    switch (this.#state) {
      case 'start':
        return this.#begin(indent, content, line);
      case 'header':
        return isKey ? this.#key(content, line) : this.#add(line.text);
      case 'awaiting':
        if (isDash(content) && indent >= this.#root) return this.#firstItem(indent, line);
        return isKey ? this.#key(content, line) : this.#whole();
      case 'items':
        if (indent === this.#dash && isDash(content)) this.#item(line);
        else if (isKey) this.#leave(line);
        else this.#add(line.text);
        return;
      case 'rest':
        return this.#add(line.text);
      case 'ended':
        return this.#end(line, 'several YAML documents: a jobs file is one, with each job as `- …` in one list');
      case 'over':
    }
  }

  /** The first content decides what the file is. */
  #begin(indent: number, content: string, line: Line): void {
    if (content.startsWith('%')) {
      if (!/^%YAML[ \t]+1\.2\b/.test(content)) this.#end(line, 'the only directive that is understood is `%YAML 1.2`');
      // Lines that must not reach the parser leave an empty one, so that those below keep their numbers.
      return this.#add('\n');
    }
    if (isDash(content)) return this.#firstItem(indent, line);
    if (NOT_A_KEY.test(content)) return this.#whole();
    this.#root = indent;
    this.#key(content, line);
  }

  #key(content: string, line: Line): void {
    this.#add(line.text);
    const match = this.#jobsKey.exec(content);
    const value = match?.[1] ?? '';
    if (match !== null && value !== '' && !value.startsWith('#')) return this.#whole();
    this.#state = match === null ? 'header' : 'awaiting';
  }

  #firstItem(indent: number, line: Line): void {
    this.#dash = indent;
    this.#state = 'items';
    this.header.from = { line: line.number, column: 1 };
    this.header.to = this.header.from;
    this.#item(line);
  }

  #item(line: Line): void {
    this.#job = { text: line.text, line: line.number };
  }

  /** A key of the root ends the list of jobs. */
  #leave(line: Line): void {
    this.#job = undefined;
    this.#state = 'rest';
    this.header.to = { line: line.number, column: 1 };
    this.#add(line.text);
  }

  #marker(content: string, line: Line): void {
    if (this.#state === 'over') return;
    if (content.startsWith('...')) {
      if (/^\.\.\.[ \t]+[^#\s]/.test(content)) return this.#end(line, 'text after the end of the document (`...`)');
      this.#job = undefined;
      this.#state = 'ended';
    } else if (this.#state !== 'start' || this.#marked) {
      this.#end(line, 'several YAML documents: a jobs file is one, with each job as `- …` in one list');
    } else {
      this.#marked = true;
      if (/^---[ \t]+[^#\s]/.test(content)) this.#whole();
      this.#add('\n');
    }
  }

  /** To the job, or else to the header. What is beyond the limit is not kept, only that there was too much. */
  #add(text: string): void {
    if (this.#state === 'ended' || this.#state === 'over') return;
    const target = this.#job ?? this.header;
    if (target.text.length <= MAX_TEXT) target.text += text;
  }

  #whole(): void {
    this.#state = 'over';
    this.whole = true;
  }

  #end(line: Line, message: string): void {
    this.#stop({ line: line.number, column: line.text.search(/\S/) + 1 }, message);
  }

  #stop(place: Place, message: string): void {
    this.#job = undefined;
    this.#state = 'over';
    this.diagnostic = { place, message };
  }
}

function isDash(content: string): boolean {
  return content === '-' || content.startsWith('- ') || content.startsWith('-\t');
}
