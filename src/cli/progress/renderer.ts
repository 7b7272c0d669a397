import type { CliContext } from '../context.ts';
import { progressLine, progressLines, type ProgressView } from './lines.ts';

/** A line this often where no person watches, in milliseconds. */
const LINE_EVERY_MS = 10_000;

/** Shows progress on standard error: repainted in place on a terminal, else a line now and then. */
export class ProgressRenderer {
  readonly #context: CliContext;
  #painted = 0;
  #lastLineAt = Number.NEGATIVE_INFINITY;

  constructor(context: CliContext) {
    this.#context = context;
  }

  paint(view: ProgressView): void {
    if (this.#context.terminal) {
      const lines = progressLines(view, this.#context.columns());
      this.#context.control(this.#eraser());
      this.#context.err(`${lines.join('\n')}\n`);
      this.#painted = lines.length;
    } else if (performance.now() - this.#lastLineAt >= LINE_EVERY_MS) {
      this.#lastLineAt = performance.now();
      this.#context.err(`${progressLine(view)}\n`);
    }
  }

  /** Prints a line above the progress. */
  say(text: string): void {
    this.#context.control(this.#eraser());
    this.#context.err(`${text}\n`);
    this.#painted = 0;
  }

  /** Erases the progress. */
  clear(): void {
    this.#context.control(this.#eraser());
    this.#painted = 0;
  }

  /** Moves to where the last paint began and erases it. */
  #eraser(): string {
    return this.#painted === 0 ? '' : `\u001B[${this.#painted}A\u001B[0J`;
  }
}
