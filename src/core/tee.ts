/** One of two readers of the same source. */
export interface Reader<T> extends AsyncIterable<T> {
  next(): Promise<IteratorResult<T>>;
  /** Detaches this reader, so that the other one no longer waits for it. Call it at the end. */
  return(): Promise<IteratorResult<T>>;
}

/**
 * Splits one pass over a source between two readers: each gets every value, and the next value is read when both
 * have asked for it.
 */
export function tee<T>(source: AsyncIterable<T>): [Reader<T>, Reader<T>] {
  type Answer = (result: IteratorResult<T> | Promise<IteratorResult<T>>) => void;
  const iterator = source[Symbol.asyncIterator]();
  const over: IteratorResult<T> = { done: true, value: undefined };
  const present = new Set<Reader<T>>();
  const asking = new Map<Reader<T>, Answer>();

  function goOn(): void {
    if (present.size === 0) return void iterator.return?.();
    if (asking.size < present.size) return;
    const result = iterator.next();
    for (const answer of asking.values()) answer(result);
    asking.clear();
  }

  function join(): Reader<T> {
    const reader = {
      next: () =>
        new Promise<IteratorResult<T>>((answer) => {
          if (!present.has(reader)) return answer(over);
          asking.set(reader, answer);
          goOn();
        }),
      return() {
        asking.get(reader)?.(over);
        asking.delete(reader);
        if (present.delete(reader)) goOn();
        return Promise.resolve(over);
      },
      [Symbol.asyncIterator]: () => reader,
    };
    present.add(reader);
    return reader;
  }
  return [join(), join()];
}
