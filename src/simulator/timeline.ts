interface Entry {
  at: number;
  /** Breaks ties in order of scheduling. */
  order: number;
  run: () => void;
}

/** Longest timer; Node fires longer ones at once. */
const LONGEST_TIMER_MS = 2_147_483_647;

/**
 * Runs scheduled events in order of time, with one timer for any number of them. The timer may be late: call `settle`
 * before reading a count or a state, which runs all due events.
 */
export class Timeline {
  readonly now: () => number;
  readonly #heap: Entry[] = [];
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Infinity;
  #order = 0;
  #stopped = false;

  /** @param now returns milliseconds that do not decrease */
  constructor(now: () => number) {
    this.now = now;
  }

  /** Schedules an event; Infinity means never. */
  at(time: number, run: () => void): void {
    if (this.#stopped || time === Infinity) return;
    this.#push({ at: time, order: this.#order++, run });
    this.#arm();
  }

  after(ms: number, run: () => void): void {
    this.at(this.now() + ms, run);
  }

  settle(): void {
    const now = this.now();
    for (let first = this.#heap[0]; first && first.at <= now; first = this.#heap[0]) {
      this.#shift();
      first.run();
    }
  }

  /** Drops all events; nothing runs afterwards. */
  stop(): void {
    this.#stopped = true;
    this.#heap.length = 0;
    clearTimeout(this.#timer);
  }

  #arm(): void {
    const first = this.#heap[0];
    if (!first || first.at >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = first.at;
    const wait = Math.min(LONGEST_TIMER_MS, Math.max(0, Math.ceil(first.at - this.now())));
    this.#timer = setTimeout(() => {
      this.#timerAt = Infinity;
      this.settle();
      this.#arm();
    }, wait);
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let place = heap.length;
    while (place > 0) {
      const up = (place - 1) >> 1;
      const parent = heap[up];
      if (!parent || !sooner(entry, parent)) break;
      heap[place] = parent;
      place = up;
    }
    heap[place] = entry;
  }

  #shift(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (!last || heap.length === 0) return;
    let place = 0;
    for (;;) {
      const left = heap[2 * place + 1];
      const right = heap[2 * place + 2];
      const child = left && right && sooner(right, left) ? right : left;
      if (!child || !sooner(child, last)) break;
      heap[place] = child;
      place = 2 * place + (child === right ? 2 : 1);
    }
    heap[place] = last;
  }
}

function sooner(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
