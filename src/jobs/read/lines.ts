import { MAX_TEXT } from '../limits.ts';
import { InputError } from '../../core/errors.ts';
import { advance, START, type Place } from '../tree.ts';

/** A carriage return that no line feed follows. */
const LONE = /\r(?!\n)/;

/**
 * Turns the line ends of a file that has carriage returns alone ("CSV (Macintosh)") into line feeds, and
 * hands everything else out as it is.
 * @throws InputError at a lone carriage return in a file with other line ends: formats differ on what it
 * means, so that a job might be read as two, or two as one
 */
export async function* lineEnds(path: string, texts: AsyncIterable<string>): AsyncGenerator<string> {
  let kind: 'unknown' | 'feeds' | 'returns' = 'unknown';
  let place: Place = START;
  let held = '';
  for await (const piece of texts) {
    let text = held + piece;
    // What follows it is in the next piece.
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
      'line ends are mixed here (a carriage return alone, and line feeds elsewhere): save the file with one kind of line end';
    throw new InputError([{ file: path, ...advance(place, text.slice(0, at)), message }]);
  }
}

export interface Line {
  /** With its line end, where it has one. */
  text: string;
  /** From 1. */
  number: number;
  /** It is longer than is held at once: this is its beginning, the rest is dropped. */
  cut: boolean;
}

/** Cuts text that comes in pieces into lines, and holds no more than one of them. */
class LineCutter {
  #rest = '';
  #number = 1;
  /** In a line whose beginning was handed out already. */
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

/** The lines of a text that comes in pieces. */
export async function* linesOf(texts: AsyncIterable<string>): AsyncGenerator<Iterable<Line>> {
  const cutter = new LineCutter();
  for await (const text of texts) yield cutter.push(text);
  yield cutter.end();
}
