import { formatCount } from '../core/format.ts';
import { InputError, type Diagnostic } from '../core/errors.ts';
import { MAX_OF_A_KIND, MAX_PROBLEMS } from './size-limits.ts';

/**
 * Collects diagnostics, so that all are reported at once. Keeps the first 100, and beyond those the first 5 of each
 * kind, so that many of one kind do not hide another; the rest are counted.
 */
export class DiagnosticList {
  readonly #listed: Diagnostic[] = [];
  readonly #kinds = new Map<string, number>();
  #more = 0;

  get count(): number {
    return this.#listed.length + this.#more;
  }

  add(problem: Diagnostic): void {
    const kind = kindOf(problem);
    const count = (this.#kinds.get(kind) ?? 0) + 1;
    const kept =
      this.#listed.length < MAX_PROBLEMS || (count <= MAX_OF_A_KIND && this.#listed.length < 2 * MAX_PROBLEMS);
    if (kept) this.#listed.push(problem);
    else this.#more++;
    if (count > 1 || this.#kinds.size < 2 * MAX_PROBLEMS) this.#kinds.set(kind, count);
  }

  /**
   * Throws an InputError with all diagnostics, in order of their positions, if there are any.
   * @param files order of the files
   */
  throwIfAny(files: readonly string[] = []): void {
    if (this.count === 0) return;
    const order = (problem: Diagnostic): number => files.indexOf(problem.file ?? '');
    const problems = this.#listed.toSorted(
      (a, b) => order(a) - order(b) || (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0),
    );
    if (this.#more > 0) problems.push({ message: `and ${formatCount(this.#more)} more` });
    throw new InputError(problems);
  }
}

/** Returns the kind of a diagnostic: its field, and its message without names and numbers. */
function kindOf({ field = '', message }: Diagnostic): string {
  return `${field.replace(/\[\d+\]/g, '')}:${message.replace(/`[^`]*`|\d+/g, '').slice(0, 60)}`;
}
