import { endsWithin } from './timeouts.ts';

/** A page that is not full goes out when its source makes us wait this long, in milliseconds. */
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
      // The source failing while nobody waits for it must not end the process; the wait below sees it.
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
