import { MAX_TEXT } from '../../size-limits.ts';
import { START, type Place } from '../../tree.ts';

/** The text of one job, up to its comma. A text beyond MAX_TEXT is incomplete. */
export interface JobText {
  text: string;
  place: Place;
  /** The file ends here, inside the list of jobs. */
  unclosed: boolean;
}

/** Characters that change the state. A line feed ends a string and increments the line. */
const MARKS = /(["\\{}[\],\n])/;
/** The text before the list of a member, from the previous comma or brace. */
const MEMBER = /^\s*("(?:[^"\\]|\\.)*")\s*:\s*$/;
/** Longest text that may be the name of the list of jobs. */
const MAX_MEMBER = 1_000;

/**
 * Splits a JSON file into its jobs, `{"defaults": …, "jobs": [job, job]}` or `[job, job]`, and keeps the text of one job
 * at a time. It handles only quotes, brackets and commas; the parser checks whether the pieces are JSON.
 *
 * header -> jobs (in the list) -> rest (of the header)
 */
export class JsonSplitter {
  /**
   * The file without its jobs, `{"defaults": …, "jobs": []}`, complete after `end`. Its text after the position `from`
   * is after `to` in the file.
   */
  readonly header = { text: '', from: START, to: START };

  readonly #jobsField: string;
  #state: 'header' | 'jobs' | 'rest' = 'header';
  #place = START;
  #depth = 0;
  /** Depth inside the list of jobs: 1, or 2 inside an object. */
  #listDepth = 0;
  #quoted = false;
  #escaped = false;
  /** Whether anything but white space was read. */
  #begun = false;
  /** The text since the last comma or brace of the root, up to the value of a member. */
  #member = '';
  #job: JobText | undefined;
  #afterComma = false;
  readonly #jobs: JobText[] = [];

  constructor(jobsField = 'jobs') {
    this.#jobsField = jobsField;
  }

  /** Adds the next piece of the file. @returns the jobs that end in it */
  push(text: string): JobText[] {
    for (const part of text.split(MARKS)) {
      const { line, column } = this.#place;
      if (part !== '') this.#consume(part);
      this.#place = part === '\n' ? { line: line + 1, column: 1 } : { line, column: column + part.length };
    }
    return this.#jobs.splice(0);
  }

  /** Ends the file. @returns the last job, if the list is not closed */
  end(): JobText[] {
    if (this.#state === 'jobs') {
      this.#endJob(true);
      this.header.text += this.#listDepth === 1 ? ']' : ']}';
    }
    return this.#jobs.splice(0);
  }

  #consume(part: string): void {
    const escaped = this.#escaped;
    this.#escaped = this.#quoted && !escaped && part === '\\';
    // A string ends with its line at the latest, so that an unclosed quote does not hide the jobs below.
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

  /** Returns whether the next bracket opens the list of jobs, as the root or as the value of the member. */
  #isListOfJobs(): boolean {
    if (this.#depth === 0) return !this.#begun;
    if (this.#depth !== 1) return false;
    const name = MEMBER.exec(this.#member)?.[1];
    // A second list is not the value of this member.
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
    // An empty list has no job, but a job must follow a comma.
    if (this.#job !== undefined || this.#afterComma) this.#endJob(false);
    this.#state = 'rest';
    this.header.to = this.#place;
  }
}

/** Resolves the escapes of a name. Returns it as written if they are invalid. */
function unescaped(name: string): string {
  try {
    return String(JSON.parse(name));
  } catch {
    return name;
  }
}
