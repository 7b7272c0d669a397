import { MAX_DEPTH } from '../limits.ts';
import type { Fault, Member, Place, Tree } from '../tree.ts';
import { shown } from '../wording.ts';

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const WORD = /[^\s,:[\]{}"]+/y;
const words: Record<string, boolean | null> = { true: true, false: false, null: null };

/** A mistake that ends the parsing of its text. */
class Broken extends Error {
  override readonly name = 'Broken';
  readonly place: Place;

  constructor(message: string, place: Place) {
    super(message);
    this.place = place;
  }
}

/**
 * Parses one JSON value as RFC 8259 has it, with the place of every part. Names that are given twice
 * are faults, where JSON.parse would quietly take the last.
 * @param start the place in the file of the first character
 */
export function parseJson(text: string, start: Place): { tree: Tree | undefined; faults: Fault[] } {
  const parser = new JsonText(text, start);
  try {
    return { tree: parser.only(), faults: parser.faults };
  } catch (error) {
    if (!(error instanceof Broken)) throw error;
    return { tree: undefined, faults: [{ place: error.place, message: error.message }] };
  }
}

class JsonText {
  readonly faults: Fault[] = [];
  readonly #text: string;
  #at = 0;
  #line: number;
  /** Where the current line begins, as an offset in the text; below zero when that is before it. */
  #lineStart: number;
  #depth = 0;

  constructor(text: string, start: Place) {
    this.#text = text;
    this.#line = start.line;
    this.#lineStart = 1 - start.column;
  }

  /** The value, which must be all there is. */
  only(): Tree {
    const tree = this.#value();
    this.#space();
    if (this.#at < this.#text.length) this.#fail(`unexpected ${this.#found()} after the end of the value`);
    return tree;
  }

  #value(): Tree {
    this.#space();
    const place = this.#place();
    const character = this.#text[this.#at];
    if (character === '"') return { place, value: this.#string() };
    if (character === '{' || character === '[') {
      if (++this.#depth > MAX_DEPTH) this.#fail(`lists and objects are nested more than ${MAX_DEPTH} deep`);
      const value = character === '{' ? this.#object() : this.#array();
      this.#depth--;
      return { place, value };
    }
    const number = this.#match(NUMBER);
    if (number !== '' && !/[\w.+-]/.test(this.#text[this.#at] ?? '')) return { place, value: Number(number) };
    this.#at -= number.length;
    const word = this.#peek(WORD);
    const value = Object.hasOwn(words, word) ? words[word] : undefined;
    if (value === undefined) this.#fail(`expected a value, found ${this.#found()}`);
    this.#at += word.length;
    return { place, value };
  }

  #object(): Map<string, Member> {
    const members = new Map<string, Member>();
    this.#at++;
    if (this.#skip('}')) return members;
    do {
      this.#space();
      const key = this.#place();
      if (this.#text[this.#at] !== '"') this.#fail(`expected a name in double quotes, found ${this.#found()}`);
      const name = this.#string();
      if (!this.#skip(':')) this.#fail(`expected ":" after the name, found ${this.#found()}`);
      const value = this.#value();
      const first = members.get(name);
      if (first === undefined) members.set(name, { key, value });
      else this.faults.push({ place: key, field: name, message: `is given twice: first at line ${first.key.line}` });
    } while (this.#skip(','));
    if (!this.#skip('}')) this.#fail(`expected "," or "}", found ${this.#found()}`);
    return members;
  }

  #array(): Tree[] {
    const items: Tree[] = [];
    this.#at++;
    if (this.#skip(']')) return items;
    do items.push(this.#value());
    while (this.#skip(','));
    if (!this.#skip(']')) this.#fail(`expected "," or "]", found ${this.#found()}`);
    return items;
  }

  #string(): string {
    const start = this.#at;
    let escaped = false;
    for (let at = start + 1; at < this.#text.length; at++) {
      const code = this.#text.charCodeAt(at);
      if (code === 0x22) {
        this.#at = at + 1;
        return escaped ? this.#unescape(start) : this.#text.slice(start + 1, at);
      }
      if (code === 0x0a || code === 0x0d) break;
      if (code < 0x20) {
        this.#at = at;
        this.#fail('a control character in a text must be written as \\u00…');
      }
      if (code !== 0x5c) continue;
      escaped = true;
      at++;
    }
    return this.#fail('a quote is opened here and not closed on its line (a line break in a text is \\n)');
  }

  #unescape(start: number): string {
    try {
      return JSON.parse(this.#text.slice(start, this.#at)) as string;
    } catch {
      this.#at = start;
      return this.#fail('a "\\" in this text begins nothing that JSON knows: for the character itself write \\\\');
    }
  }

  /** Passes white space, and the character when it comes next. */
  #skip(character: string): boolean {
    this.#space();
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #space(): void {
    for (; ; this.#at++) {
      const code = this.#text.charCodeAt(this.#at);
      if (code === 0x0a) {
        this.#line++;
        this.#lineStart = this.#at + 1;
      } else if (code !== 0x20 && code !== 0x09 && code !== 0x0d) return;
    }
  }

  #match(pattern: RegExp): string {
    const text = this.#peek(pattern);
    this.#at += text.length;
    return text;
  }

  #peek(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    return pattern.exec(this.#text)?.[0] ?? '';
  }

  #found(): string {
    if (this.#at >= this.#text.length) return 'the end';
    return shown(this.#peek(WORD) || (this.#text[this.#at] ?? ''));
  }

  #place(): Place {
    return { line: this.#line, column: this.#at - this.#lineStart + 1 };
  }

  #fail(message: string): never {
    throw new Broken(`broken JSON: ${message}`, this.#place());
  }
}
