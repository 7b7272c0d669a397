/** What may stand around each prompt of a list: marks, numbers, or quotes with commas. */
const patterns = [/^[-*•]\s+(.+)$/, /^\d+[.)]\s+(.+)$/, /^"((?:[^"\\]|\\.)+)",?$/, /^'((?:[^'\\]|\\.)+)',?$/];
const NUMBERED = patterns[1];

/**
 * Finds out whether every line of a text is an item of a list, so that marks, numbers or quotes are no part of the
 * prompts: `- a fox`, `1. a fox`, `"a fox",`. Numbers must count from 1, and quotes need a comma behind them.
 */
export class Decoration {
  #candidates = patterns;
  #lines = 0;
  #commas = 0;

  add(line: string): void {
    this.#lines++;
    if (line.endsWith(',')) this.#commas++;
    this.#candidates = this.#candidates.filter(
      (pattern) => pattern.test(line) && (pattern !== NUMBERED || Number.parseInt(line, 10) === this.#lines),
    );
  }

  /** The pattern of every line, whose first group is the prompt; `undefined` when the lines are bare, or just one. */
  get pattern(): RegExp | undefined {
    const [pattern] = this.#candidates;
    if (this.#lines < 2 || pattern === undefined) return undefined;
    const quotes = patterns.indexOf(pattern) >= 2;
    return quotes && this.#commas < this.#lines - 1 ? undefined : pattern;
  }
}
