/** A binary heap of values, ordered by time. */
export class Heap<T> {
  readonly #items: { at: number; value: T }[] = [];

  get size(): number {
    return this.#items.length;
  }

  push(at: number, value: T): void {
    const items = this.#items;
    let index = items.push({ at, value }) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (this.#at(parent) <= at) break;
      this.#swap(index, parent);
      index = parent;
    }
  }

  pop(): { at: number; value: T } | undefined {
    const items = this.#items;
    const top = items[0];
    const last = items.pop();
    if (!last || items.length === 0) return top;
    items[0] = last;
    for (let index = 0; ;) {
      let child = 2 * index + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && this.#at(child + 1) < this.#at(child)) child += 1;
      if (this.#at(child) >= last.at) break;
      this.#swap(index, child);
      index = child;
    }
    return top;
  }

  #at(index: number): number {
    return this.#items[index]?.at ?? Infinity;
  }

  #swap(a: number, b: number): void {
    const [first, second] = [this.#items[a], this.#items[b]];
    if (!first || !second) return;
    this.#items[a] = second;
    this.#items[b] = first;
  }
}
