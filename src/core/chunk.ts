import { endsWithin } from './timeouts.ts';

/** Longest wait for the next item before a partial page is yielded, in milliseconds. */
const MAX_WAIT_MS = 50;

/**
 * Groups a stream into pages of at most `size` items. A slow source, such as a program that is still writing prompts,
 * does not delay the items already read, and a failing source does not drop them: its error follows them.
 */
export async function* pagesOf<T>(source: Iterable<T> | AsyncIterable<T>, size: number): AsyncGenerator<T[]> {
  const iterator = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  let page: T[] = [];
  let failed: { error: unknown } | undefined;
  try {
    for (;;) {
      const next = Promise.resolve(iterator.next());
      // A failure between two awaits would be an unhandled rejection and end the process. The await below throws it.
      next.catch(() => {});
      if (page.length > 0 && !(await endsWithin(Promise.allSettled([next]), MAX_WAIT_MS))) {
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
