/** One of two readers of the same source. */
export interface Reader<T> extends AsyncIterable<T> {
  next(): Promise<IteratorResult<T>>;
  /** Detaches this reader, so that the other one no longer waits for it. Call it at the end. */
  return(): Promise<IteratorResult<T>>;
}

/**
 * Splits one pass over a source between two readers. Each reader gets every value; the next value is read once both
 * have requested it.
 */
export function tee<T>(source: AsyncIterable<T>): [Reader<T>, Reader<T>] {
  type Answer = (result: IteratorResult<T> | Promise<IteratorResult<T>>) => void;
  const iterator = source[Symbol.asyncIterator]();
  const end: IteratorResult<T> = { done: true, value: undefined };
  const attached = new Set<Reader<T>>();
  const waiting = new Map<Reader<T>, Answer>();

  function advance(): void {
    if (attached.size === 0) return void iterator.return?.();
    if (waiting.size < attached.size) return;
    const result = iterator.next();
    for (const answer of waiting.values()) answer(result);
    waiting.clear();
  }

  function attach(): Reader<T> {
    const reader = {
      next: () =>
        new Promise<IteratorResult<T>>((answer) => {
          if (!attached.has(reader)) return answer(end);
          waiting.set(reader, answer);
          advance();
        }),
      return() {
        waiting.get(reader)?.(end);
        waiting.delete(reader);
        if (attached.delete(reader)) advance();
        return Promise.resolve(end);
      },
      [Symbol.asyncIterator]: () => reader,
    };
    attached.add(reader);
    return reader;
  }
  return [attach(), attach()];
}
