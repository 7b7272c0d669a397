import { MAX_TEXT } from '../limits.ts';
import type { Fault, Place } from '../tree.ts';
import { shown } from '../wording.ts';

/**
 * A part of a JSON file: a job, or a field of the header with its name still in quotes. Their texts
 * are not looked into yet. `fault`: the file is broken here, and nothing after it means anything;
 * `undefined` when that comes of a mistake in an earlier part, which whoever parses that will tell.
 */
export type Piece =
  | { kind: 'job'; text: string; place: Place }
  | { kind: 'field'; name: string; key: Place; text: string; place: Place }
  | { kind: 'jobs'; key: Place }
  | { kind: 'fault'; fault: Fault | undefined };

type State =
  | 'root'
  | 'first name'
  | 'name'
  | 'colon'
  | 'value'
  | 'after value'
  | 'first job'
  | 'job'
  | 'after job'
  | 'end'
  | 'over';

const expected: Record<State, string> = {
  root: '"{" or "["',
  'first name': 'a name in double quotes or "}"',
  name: 'a name in double quotes',
  colon: '":" after the name',
  value: 'a value',
  'after value': '"," or "}"',
  'first job': 'a job or "]"',
  job: 'a job',
  'after job': '"," or "]"',
  end: 'nothing more',
  over: '',
};

/**
 * Cuts a JSON file into its jobs, character by character: `{"defaults": …, "jobs": [job, job]}` or
 * `[job, job]`. It holds the text of one job at a time.
 */
export class JsonSplitter {
  #state: State = 'root';
  /** The file is a list of jobs, not an object with `jobs`. */
  #bare = false;
  #line = 1;
  #column = 0;
  readonly #pieces: Piece[] = [];

  /** What is being collected: a name, a field's value or a job. */
  #taking: 'name' | 'value' | 'job' | undefined;
  #text = '';
  #place: Place = { line: 1, column: 1 };
  /** What closes the brackets that are open, the innermost last. */
  #closers: number[] = [];
  /** A part was cut that cannot be right, so where the next one begins is a guess. */
  #spoilt = false;
  #quoted = false;
  #escaped = false;
  #name = '';
  #key: Place = { line: 1, column: 1 };

  push(text: string): Piece[] {
    let start = 0;
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at);
      this.#column++;
      if (this.#taking !== undefined) {
        const end = this.#ends(code);
        if (end !== 'no') {
          this.#keep(text.slice(start, end === 'here' ? at + 1 : at));
          this.#finish();
        }
        if (end !== 'before') {
          if (code === 0x0a) this.#newLine();
          continue;
        }
      }
      if (code === 0x0a) this.#newLine();
      else if (code !== 0x20 && code !== 0x09 && code !== 0x0d) {
        this.#structure(text[at] ?? '');
        if (this.#taking !== undefined) start = at;
      }
    }
    if (this.#taking !== undefined) this.#keep(text.slice(start));
    return this.#pieces.splice(0);
  }

  end(): Piece[] {
    if (this.#closers.length > 0 || this.#quoted) this.#spoilt = true;
    if (this.#taking !== undefined) this.#finish();
    if (this.#state !== 'end' && this.#state !== 'over') {
      this.#fault('the end of the file', { line: this.#line, column: this.#column + 1 });
    }
    this.#state = 'over';
    return this.#pieces.splice(0);
  }

  /** Whether what is being collected ends: with this character, or before it. */
  #ends(code: number): 'no' | 'here' | 'before' {
    const inside = this.#closers.length > 0;
    if (this.#quoted) {
      if (this.#escaped) this.#escaped = false;
      else if (code === 0x5c) this.#escaped = true;
      else if (code === 0x22) this.#quoted = false;
      if (code === 0x0a) {
        // No text of JSON goes over a line end: a quote that was left open spoils its own line only.
        this.#quoted = false;
        this.#spoilt = true;
      }
      return this.#quoted || inside ? 'no' : 'here';
    }
    switch (code) {
      case 0x22:
        this.#quoted = inside;
        return inside ? 'no' : 'before';
      case 0x7b:
      case 0x5b:
        // "}" and "]" stand two places after "{" and "[".
        if (inside) this.#closers.push(code + 2);
        return inside ? 'no' : 'before';
      case 0x7d:
      case 0x5d:
        if (!inside) return 'before';
        if (this.#closers.pop() !== code) this.#spoilt = true;
        return this.#closers.length === 0 ? 'here' : 'no';
      default:
        return !inside && (code <= 0x20 || code === 0x2c || code === 0x3a) ? 'before' : 'no';
    }
  }

  #structure(character: string): void {
    switch (this.#state) {
      case 'root':
        if (character === '{') return this.#go('first name');
        this.#bare = character === '[';
        return this.#bare ? this.#go('first job') : this.#fault(shown(character));
      case 'first name':
      case 'name':
        if (character === '"') return this.#take('name', character);
        return character === '}' && this.#state === 'first name' ? this.#go('end') : this.#fault(shown(character));
      case 'colon':
        return character === ':' ? this.#go('value') : this.#fault(shown(character));
      case 'value':
        if (character === '[' && this.#name === '"jobs"') {
          this.#pieces.push({ kind: 'jobs', key: this.#key });
          return this.#go('first job');
        }
        return ',:}]'.includes(character) ? this.#fault(shown(character)) : this.#take('value', character);
      case 'after value':
        if (character === ',') return this.#go('name');
        return character === '}' ? this.#go('end') : this.#fault(shown(character));
      case 'first job':
      case 'job':
        if (character === ']' && this.#state === 'first job') return this.#go(this.#bare ? 'end' : 'after value');
        return ',:}]'.includes(character) ? this.#fault(shown(character)) : this.#take('job', character);
      case 'after job':
        if (character === ',') return this.#go('job');
        if (character !== ']') return this.#fault(shown(character));
        return this.#go(this.#bare ? 'end' : 'after value');
      case 'end':
        return this.#fault(shown(character));
      case 'over':
    }
  }

  #go(state: State): void {
    this.#state = state;
  }

  #take(what: 'name' | 'value' | 'job', character: string): void {
    this.#taking = what;
    this.#text = '';
    this.#place = { line: this.#line, column: this.#column };
    this.#quoted = character === '"';
    this.#escaped = false;
    this.#closers = character === '{' ? [0x7d] : character === '[' ? [0x5d] : [];
  }

  /** Beyond the limit only one character more is kept, as a sign that there was too much. */
  #keep(text: string): void {
    if (this.#text.length <= MAX_TEXT) this.#text += text;
  }

  #finish(): void {
    const what = this.#taking;
    const text = this.#text;
    this.#taking = undefined;
    this.#text = '';
    if (what === 'name') {
      this.#name = text;
      this.#key = this.#place;
      this.#go('colon');
      // A name without an end is told by who parses it.
      if (this.#spoilt) this.#pieces.push({ kind: 'field', name: text, key: this.#key, text: '', place: this.#place });
    } else if (what === 'job') {
      this.#pieces.push({ kind: 'job', text, place: this.#place });
      this.#go('after job');
    } else {
      this.#pieces.push({ kind: 'field', name: this.#name, key: this.#key, text, place: this.#place });
      this.#go('after value');
    }
  }

  #newLine(): void {
    this.#line++;
    this.#column = 0;
  }

  #fault(found: string, place: Place = { line: this.#line, column: this.#column }): void {
    const message = `broken JSON: expected ${expected[this.#state]}, found ${found}`;
    this.#pieces.push({ kind: 'fault', fault: this.#spoilt ? undefined : { place, message } });
    this.#go('over');
  }
}
