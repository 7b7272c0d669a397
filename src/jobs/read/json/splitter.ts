import { MAX_TEXT } from '../../limits.ts';
import { START, type Place } from '../../tree.ts';

/** The text of one job, up to its comma. Longer than MAX_TEXT when there is too much of it. */
export interface JobText {
  text: string;
  place: Place;
  /** The file ends here, before its list of jobs does. */
  unclosed: boolean;
}

/** The characters that change the state. A line end counts lines, and ends a text. */
const MARKS = /(["\\{}[\],\n])/;
/** What stands before the list of a member, from the comma or the brace before it. */
const MEMBER = /^\s*("(?:[^"\\]|\\.)*")\s*:\s*$/;
/** A longer name is none that is looked for; it is not collected. */
const MAX_MEMBER = 1_000;

/**
 * Cuts a JSON file into its jobs, `{"defaults": …, "jobs": [job, job]}` or `[job, job]`, and holds the
 * text of one job at a time. It sees quotes, brackets and commas alone: the parser of the pieces decides
 * whether they are JSON.
 *
 * header -> jobs (in the list) -> rest (of the header)
 */
export class JsonSplitter {
  /**
   * The file without its jobs, `{"defaults": …, "jobs": []}`: complete after `end`. What stands behind
   * the place `from` of it is behind `to` in the file.
   */
  readonly header = { text: '', from: START, to: START };

  readonly #jobsField: string;
  #state: 'header' | 'jobs' | 'rest' = 'header';
  #place = START;
  #depth = 0;
  /** Depth inside the list of jobs: 1, or 2 when an object is around it. */
  #listDepth = 0;
  #quoted = false;
  #escaped = false;
  /** Nothing but white space was read. */
  #begun = false;
  /** The text since the last comma or brace of the root: the name of a member, and what is before its value. */
  #member = '';
  #job: JobText | undefined;
  #afterComma = false;
  readonly #jobs: JobText[] = [];

  constructor(jobsField = 'jobs') {
    this.#jobsField = jobsField;
  }

  /** Takes the next piece of the file; returns the jobs that end in it. */
  push(text: string): JobText[] {
    for (const part of text.split(MARKS)) {
      const { line, column } = this.#place;
      if (part !== '') this.#take(part);
      this.#place = part === '\n' ? { line: line + 1, column: 1 } : { line, column: column + part.length };
    }
    return this.#jobs.splice(0);
  }

  end(): JobText[] {
    if (this.#state === 'jobs') {
      this.#endJob(true);
      this.header.text += this.#listDepth === 1 ? ']' : ']}';
    }
    return this.#jobs.splice(0);
  }

  #take(part: string): void {
    const escaped = this.#escaped;
    this.#escaped = this.#quoted && !escaped && part === '\\';
    // A text ends with its line at the latest, so that a quote left open does not hide the jobs below.
    if (part === '\n') this.#quoted = false;
    else if (part === '"' && !escaped) this.#quoted = !this.#quoted;
    else if (!this.#quoted) return this.#structure(part);
    this.#keep(part);
  }

  #structure(part: string): void {
    const inList = this.#state === 'jobs' && this.#depth === this.#listDepth;
    if (part === ',' && inList) {
      this.#endJob(false);
      this.#afterComma = true;
      return;
    }
    if (part === '}' || part === ']') {
      this.#depth--;
      if (inList) this.#endList();
    }
    if (part === '[' && this.#state === 'header' && this.#isListOfJobs()) {
      this.#keep(part);
      this.#depth++;
      return this.#beginList();
    }
    this.#keep(part);
    if (part === '{' || part === '[') this.#depth++;
    if (this.#depth === 1 && (part === ',' || part === '{')) this.#member = '';
  }

  #keep(part: string): void {
    if (this.#state !== 'jobs') {
      if (this.header.text.length <= MAX_TEXT) this.header.text += part;
      if (this.#member.length <= MAX_MEMBER) this.#member += part;
      this.#begun ||= /\S/.test(part);
    } else if (this.#job !== undefined) {
      if (this.#job.text.length <= MAX_TEXT) this.#job.text += part;
    } else {
      const text = part.replace(/^[ \t\r\n]+/, '');
      const { line, column } = this.#place;
      const place = { line, column: column + part.length - text.length };
      if (text !== '') this.#job = { text, place, unclosed: false };
    }
  }

  /** Whether the bracket that comes next opens the list: it is the root, or the value of the root's member. */
  #isListOfJobs(): boolean {
    if (this.#depth === 0) return !this.#begun;
    if (this.#depth !== 1) return false;
    const name = MEMBER.exec(this.#member)?.[1];
    // Whatever follows it, another list would not be the value of this name.
    this.#member = ' '.repeat(MAX_MEMBER + 1);
    return name !== undefined && unescaped(name) === this.#jobsField;
  }

  #beginList(): void {
    this.#state = 'jobs';
    this.#listDepth = this.#depth;
    this.header.from = { ...this.#place, column: this.#place.column + 1 };
    this.header.to = this.header.from;
  }

  #endJob(unclosed: boolean): void {
    const { text, place } = this.#job ?? { text: '', place: this.#place };
    this.#jobs.push({ text, place, unclosed });
    this.#job = undefined;
  }

  #endList(): void {
    // Nothing between the brackets is no job, but a comma promises one.
    if (this.#job !== undefined || this.#afterComma) this.#endJob(false);
    this.#state = 'rest';
    this.header.to = this.#place;
  }
}

/** A name with its escapes resolved; as it is written where they are none. */
function unescaped(name: string): string {
  try {
    return String(JSON.parse(name));
  } catch {
    return name;
  }
}
