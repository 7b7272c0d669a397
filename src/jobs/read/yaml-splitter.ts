import { MAX_TEXT } from '../limits.ts';
import type { Fault } from '../tree.ts';
import type { Line } from './lines.ts';

/**
 * A part of a YAML file: the header's text before and after `jobs`, and the text of each job with its
 * indentation, so that columns stay. `whole`: the file is not written as a block list and cannot be
 * cut. `fault`: the file is broken here, and nothing after it means anything.
 */
export type Piece =
  | { kind: 'before' | 'after' | 'job'; text: string; line: number }
  | { kind: 'oversized'; line: number }
  | { kind: 'whole' }
  | { kind: 'fault'; fault: Fault };

/** `jobs:` at the beginning of a line, in any of the ways to write a key, and what follows it. */
const JOBS_KEY = /^(?:jobs|"jobs"|'jobs')[ \t]*:(?:[ \t]+(.*)|$)/;
/** What a value may begin with when the root is no block mapping whose keys stand at line beginnings. */
const NOT_A_KEY = /^[[{&!*|>?]/;

type State = 'start' | 'header' | 'awaiting' | 'items' | 'after' | 'ended' | 'over';

/**
 * Cuts a YAML file into its jobs by indentation alone, line by line. That is enough: in a block
 * mapping or list, a value that goes on over several lines - quoted, plain, folded, literal or in
 * brackets - must be indented deeper than the key or the dash it belongs to. So a line at the
 * indentation of the dashes that begins with a dash is a new job, whatever quotes are open; and where
 * it is not, because a quote was left open, the file is broken and that job alone says so.
 *
 * start -> header -> awaiting (saw `jobs:`) -> items -> after -> ended (saw `...`)
 */
export class YamlSplitter {
  #state: State = 'start';
  #text = '';
  #line = 1;
  /** Indentation of the root's keys; -1 when the root is the list of jobs. */
  #root = -1;
  /** Indentation of the dashes. */
  #dash = 0;
  #marked = false;
  #jobsLine = 0;
  readonly #pieces: Piece[] = [];

  /** Takes the next line; returns the pieces that it ends, most often none. */
  push(line: Line): Piece[] {
    const text = line.text.trimEnd();
    let indent = 0;
    while (text[indent] === ' ') indent++;
    const content = text.slice(indent);
    if (content === '' || content.trimStart().startsWith('#')) this.#add(line);
    else if (indent === 0 && /^(?:---|\.\.\.)(?:[ \t]|$)/.test(content)) this.#marker(content, line);
    else this.#content(indent, content, line);
    return this.#pieces.splice(0);
  }

  end(): Piece[] {
    this.#flush();
    this.#state = 'over';
    return this.#pieces.splice(0);
  }

  #content(indent: number, content: string, line: Line): void {
    switch (this.#state) {
      case 'start':
        return this.#begin(indent, content, line);
      case 'header':
      case 'after':
        if (indent <= this.#root && !/^[\]}\t]/.test(content)) return this.#key(content, line);
        return this.#add(line);
      case 'awaiting':
        if (isDash(content) && indent >= this.#root) return this.#firstItem(indent, line);
        if (indent > this.#root || isDash(content)) return this.#whole();
        return this.#leave(content, line);
      case 'items':
        if (indent === this.#dash && isDash(content)) return this.#item(line);
        if (indent <= this.#root && !isDash(content) && !/^[\]}\t]/.test(content)) return this.#leave(content, line);
        return this.#add(line);
      case 'ended':
        return this.#fault(line, 'several YAML documents: a jobs file is one');
      case 'over':
    }
  }

  /** The first content decides what the file is. */
  #begin(indent: number, content: string, line: Line): void {
    if (content.startsWith('%')) {
      if (/^%YAML[ \t]+1\.2\b/.test(content)) return this.#skip(line);
      return this.#fault(line, 'the only directive that is understood is `%YAML 1.2`');
    }
    if (isDash(content)) return this.#firstItem(indent, line);
    if (NOT_A_KEY.test(content)) return this.#whole();
    this.#root = indent;
    this.#state = 'header';
    this.#key(content, line);
  }

  #key(content: string, line: Line): void {
    const match = JOBS_KEY.exec(content);
    if (match === null) return this.#add(line);
    if (this.#jobsLine > 0) return this.#fault(line, `\`jobs\` is given twice: first at line ${this.#jobsLine}`);
    const value = match[1] ?? '';
    if (value !== '' && !value.startsWith('#')) return this.#whole();
    this.#flush();
    this.#jobsLine = line.number;
    this.#state = 'awaiting';
  }

  #firstItem(indent: number, line: Line): void {
    this.#flush();
    this.#dash = indent;
    this.#state = 'items';
    this.#item(line);
  }

  #item(line: Line): void {
    this.#flush();
    this.#line = line.number;
    this.#add(line);
  }

  /** A key of the root ends the list of jobs. */
  #leave(content: string, line: Line): void {
    this.#flush();
    this.#line = line.number;
    this.#state = 'after';
    this.#key(content, line);
  }

  #marker(content: string, line: Line): void {
    if (content.startsWith('...')) {
      this.#flush();
      if (this.#state !== 'over') this.#state = 'ended';
    } else if (this.#state === 'start' && !this.#marked) {
      this.#marked = true;
      if (/^---[ \t]+[^#\s]/.test(content)) this.#whole();
      else this.#skip(line);
    } else if (this.#state !== 'over') this.#fault(line, 'several YAML documents: a jobs file is one');
  }

  #add(line: Line): void {
    if (this.#state === 'awaiting' || this.#state === 'ended' || this.#state === 'over') return;
    // What is beyond the limit is not kept, only that there was too much.
    if (this.#text.length <= MAX_TEXT) this.#text += line.text;
  }

  /** Keeps the count of lines where a line itself must not reach the parser. */
  #skip(line: Line): void {
    this.#add({ ...line, text: '\n' });
  }

  #flush(): void {
    const text = this.#text;
    const line = this.#line;
    this.#text = '';
    if (text === '') return;
    if (this.#state === 'items') {
      this.#pieces.push(text.length > MAX_TEXT ? { kind: 'oversized', line } : { kind: 'job', text, line });
    } else if (text.length > MAX_TEXT) {
      const place = { line, column: 1 };
      this.#pieces.push({ kind: 'fault', fault: { place, message: 'the text around the jobs is longer than 1 MB' } });
      this.#state = 'over';
    } else this.#pieces.push({ kind: this.#state === 'after' ? 'after' : 'before', text, line });
  }

  #whole(): void {
    this.#state = 'over';
    this.#pieces.push({ kind: 'whole' });
  }

  #fault(line: Line, message: string): void {
    this.#flush();
    this.#state = 'over';
    const column = line.text.search(/\S/) + 1;
    this.#pieces.push({ kind: 'fault', fault: { place: { line: line.number, column }, message } });
  }
}

function isDash(content: string): boolean {
  return content === '-' || content.startsWith('- ') || content.startsWith('-\t');
}
