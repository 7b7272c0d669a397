import { InputError, type Diagnostic } from '../core/errors.ts';
import { MAX_PROBLEMS } from './limits.ts';

/** Gathers mistakes, so that all can be told at once. Keeps the first 100 and counts the rest. */
export class DiagnosticList {
  readonly #listed: Diagnostic[] = [];
  #more = 0;

  get count(): number {
    return this.#listed.length + this.#more;
  }

  add(problem: Diagnostic): void {
    if (this.#listed.length < MAX_PROBLEMS) this.#listed.push(problem);
    else this.#more++;
  }

  /**
   * @param files the order in which the files are listed
   * @throws InputError with all that was added, by place, when anything was
   */
  throwIfAny(files: readonly string[] = []): void {
    if (this.count === 0) return;
    const order = (problem: Diagnostic): number => files.indexOf(problem.file ?? '');
    const problems = this.#listed.toSorted(
      (a, b) => order(a) - order(b) || (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0),
    );
    if (this.#more > 0) problems.push({ message: `and ${this.#more.toLocaleString('en')} more` });
    throw new InputError(problems);
  }
}
