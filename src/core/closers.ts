/**
 * Closes resources in the reverse order of their opening, as AsyncDisposableStack does, which Node 20 lacks. Every
 * closer runs; the first error is thrown at the end.
 */
export class Closers {
  readonly #closers: (() => Promise<void> | void)[] = [];

  push(close: () => Promise<void> | void): void {
    this.#closers.push(close);
  }

  async close(): Promise<void> {
    const errors: unknown[] = [];
    for (const close of this.#closers.splice(0).toReversed()) {
      try {
        await close();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }
}
