/**
 * Admits at most `limit` arrivals in any window of `windowMs`, exactly: a ring buffer holds the times of the last `limit`
 * admitted arrivals, and the next one is admitted when the oldest of them has left the window. The window is half open:
 * an arrival exactly `windowMs` after another one is not in its window.
 */
export class SlidingLimit {
  readonly #windowMs: number;
  readonly #admitted: Float64Array;
  #oldest = 0;

  constructor(limit: number, windowMs: number) {
    this.#windowMs = windowMs;
    this.#admitted = new Float64Array(limit).fill(-Infinity);
  }

  /** Returns whether an arrival is admitted; refused ones do not count. Times must not decrease. */
  admit(now: number): boolean {
    const oldest = this.#admitted[this.#oldest] ?? -Infinity;
    if (now - oldest < this.#windowMs) return false;
    this.#admitted[this.#oldest] = now;
    this.#oldest = this.#oldest + 1 === this.#admitted.length ? 0 : this.#oldest + 1;
    return true;
  }
}

/** Measures the most arrivals in any window of `windowMs`, with 8 bytes per arrival of the fullest window. */
export class SlidingPeak {
  readonly #windowMs: number;
  #times = new Float64Array(1024);
  #first = 0;
  #count = 0;
  #most = 0;

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  get most(): number {
    return this.#most;
  }

  add(now: number): void {
    while (this.#count > 0 && now - (this.#times[this.#first] ?? 0) >= this.#windowMs) {
      this.#first = (this.#first + 1) & (this.#times.length - 1);
      this.#count--;
    }
    if (this.#count === this.#times.length) this.#grow();
    this.#times[(this.#first + this.#count) & (this.#times.length - 1)] = now;
    this.#count++;
    if (this.#count > this.#most) this.#most = this.#count;
  }

  /** Doubles the ring buffer. Its length is a power of two, so that an index wraps by a mask. */
  #grow(): void {
    const wider = new Float64Array(this.#times.length * 2);
    wider.set(this.#times.subarray(this.#first));
    wider.set(this.#times.subarray(0, this.#first), this.#times.length - this.#first);
    this.#times = wider;
    this.#first = 0;
  }
}
