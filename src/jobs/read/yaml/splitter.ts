import { MAX_TEXT } from '../../size-limits.ts';
import { START, type Place, type SyntaxDiagnostic } from '../../tree.ts';
import type { Line } from '../lines.ts';
import { beginsWithOddSpace, oddSpace } from './whitespace.ts';

/** The text of one job with its dash and its indentation. A text beyond MAX_TEXT is incomplete. */
export interface JobText {
  text: string;
  /** Line at which the job begins, from 1. */
  line: number;
}

/** Start of a root that is not a block mapping with keys at line beginnings. */
const NOT_A_KEY = /^[[{&!*|>?]/;

/** States in which lines are skipped. */
const SKIPPING: ReadonlySet<State> = new Set(['ended', 'over']);

type State = 'start' | 'header' | 'awaiting' | 'items' | 'rest' | 'ended' | 'over';

/**
 * Splits a YAML file into its jobs, line by line and by indentation alone. That is sufficient: in a block mapping or
 * list, a value of several lines (quoted, plain, folded, literal or in brackets) must be indented deeper than its key or
 * dash. So a line with a dash at the indentation of the other dashes begins a job, even inside an open quote. In that
 * case the file is invalid, and the error is reported for the job with the open quote.
 *
 * start -> header -> awaiting (after `jobs:`) -> items -> rest (of the header) -> ended (after `...`); or over, from any
 * state, when the rest is not split.
 */
export class YamlSplitter {
  /** The file without its jobs. Its text after the position `from` is after `to` in the file. */
  readonly header = { text: '', from: START, to: START };
  /** Whether the jobs are not a block list, so that the file cannot be split. */
  whole = false;
  /** Error after which the rest of the file cannot be interpreted. */
  diagnostic: SyntaxDiagnostic | undefined;

  /** Pattern of the key of the list, plain or quoted, and of the text after it. */
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

  /** Adds the next line. @returns the job that ends before it, if any */
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

  /** Returns the last job. */
  end(): JobText | undefined {
    return this.#job;
  }

  #content(indent: number, content: string, line: Line): void {
    // Splitting depends on the first character of a line, which such white space hides.
    if (indent <= Math.max(this.#root, this.#dash) && beginsWithOddSpace(content) && !SKIPPING.has(this.#state)) {
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
        else if (isKey) this.#endItems(line);
        else this.#add(line.text);
        return;
      case 'rest':
        return this.#add(line.text);
      case 'ended':
        return this.#end(
          line,
          'several YAML documents: a jobs file must be one document, with each job as `- …` in one list',
        );
      case 'over':
    }
  }

  /** Determines the structure of the file from the first content. */
  #begin(indent: number, content: string, line: Line): void {
    if (content.startsWith('%')) {
      if (!/^%YAML[ \t]+1\.2\b/.test(content)) this.#end(line, 'only the directive `%YAML 1.2` is supported');
      // Lines that the parser must not receive are replaced by an empty line, so that line numbers stay the same.
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

  /** Ends the list of jobs at a key of the root. */
  #endItems(line: Line): void {
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
      this.#end(line, 'several YAML documents: a jobs file must be one document, with each job as `- …` in one list');
    } else {
      this.#marked = true;
      if (/^---[ \t]+[^#\s]/.test(content)) this.#whole();
      this.#add('\n');
    }
  }

  /** Adds text to the job, or to the header if there is none. Text beyond the limit is dropped. */
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
