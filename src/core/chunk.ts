import { endsWithin } from './timeouts.ts';

/** Longest wait for a source before a page that is not full is yielded, in milliseconds. */
const PATIENCE_MS = 50;

/**
 * Groups a stream into pages of at most `size`. A slow source (prompts that another program is still
 * writing) does not hold back what it has given already, nor does one that fails: its error comes after that.
 */
export async function* pagesOf<T>(source: Iterable<T> | AsyncIterable<T>, size: number): AsyncGenerator<T[]> {
  const iterator = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  let page: T[] = [];
  let failed: { error: unknown } | undefined;
  try {
    for (;;) {
      const next = Promise.resolve(iterator.next());
      // A source that fails between waits must not end the process as an unhandled rejection; the wait below throws it.
      next.catch(() => {});
      if (page.length > 0 && !(await endsWithin(Promise.allSettled([next]), PATIENCE_MS))) {
        yield page;
        page = [];
      }
      const { done, value } = await next.catch((error: unknown) => {
        failed = { error };
        return { done: true, value: undefined } as const;
      });
      if (done) break;
      page.push(value);
      if (page.length >= size) {
        yield page;
        page = [];
      }
    }
    if (page.length > 0) yield page;
    if (failed) throw failed.error;
  } finally {
    await iterator.return?.();
  }
}
