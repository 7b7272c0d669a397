import { MAX_TEXT } from '../limits.ts';

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
