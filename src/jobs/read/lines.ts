import { MAX_TEXT } from '../size-limits.ts';
import { InputError } from '../../core/errors.ts';
import { advance, START, type Place } from '../tree.ts';

/** A carriage return without a line feed. */
const LONE = /\r(?!\n)/;

/**
 * Converts the line ends of a file with lone carriage returns ("CSV (Macintosh)") to line feeds. Yields any other file
 * unchanged.
 * @throws InputError at a lone carriage return in a file with other line ends. Formats interpret it differently, so that
 * one job might be read as two, or two as one
 */
export async function* lineEnds(path: string, texts: AsyncIterable<string>): AsyncGenerator<string> {
  let kind: 'unknown' | 'feeds' | 'returns' = 'unknown';
  let place: Place = START;
  let held = '';
  for await (const piece of texts) {
    let text = held + piece;
    // The next piece decides whether a line feed follows.
    held = text.endsWith('\r') ? '\r' : '';
    if (held !== '') text = text.slice(0, -1);
    if (kind === 'unknown' && /[\r\n]/.test(text)) kind = /\r?\n|\r/.exec(text)?.[0] === '\r' ? 'returns' : 'feeds';
    yield convert(text);
    place = advance(place, text);
  }
  if (held !== '') yield kind === 'feeds' ? convert(held) : '\n';

  function convert(text: string): string {
    if (kind === 'returns' && !text.includes('\n')) return text.replaceAll('\r', '\n');
    const at = kind === 'returns' ? text.indexOf('\n') : text.search(LONE);
    if (at === -1) return text;
    const message =
      'mixed line ends (a lone carriage return here, line feeds elsewhere): save the file with one kind of line end';
    throw new InputError([{ file: path, ...advance(place, text.slice(0, at)), message }]);
  }
}

export interface Line {
  /** Text with its line end, if it has one. */
  text: string;
  /** From 1. */
  number: number;
  /** Whether the line exceeds MAX_TEXT, so that only its beginning is kept. */
  cut: boolean;
}

/** Splits text that arrives in pieces into lines, and keeps at most one of them. */
class LineSplitter {
  #rest = '';
  #number = 1;
  /** Whether the rest of an oversized line is being dropped. */
  #dropping = false;

  *push(text: string): Generator<Line> {
    let start = 0;
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', start)) {
      const line = text.slice(start, end + 1);
      start = end + 1;
      if (!this.#dropping) yield { text: this.#rest + line, number: this.#number, cut: false };
      this.#rest = '';
      this.#dropping = false;
      this.#number++;
    }
    if (this.#dropping) return;
    this.#rest += text.slice(start);
    if (this.#rest.length <= MAX_TEXT) return;
    yield { text: this.#rest, number: this.#number, cut: true };
    this.#rest = '';
    this.#dropping = true;
  }

  *end(): Generator<Line> {
    if (this.#rest !== '') yield { text: this.#rest, number: this.#number, cut: false };
    this.#rest = '';
  }
}

/** Yields the lines of a text that arrives in pieces, grouped by piece. */
export async function* linesOf(texts: AsyncIterable<string>): AsyncGenerator<Iterable<Line>> {
  const splitter = new LineSplitter();
  for await (const text of texts) yield splitter.push(text);
  yield splitter.end();
}
