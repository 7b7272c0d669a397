import { Worker } from 'node:worker_threads';
import type { RunningHash } from './running-hash.ts';

/** The ring that bytes go through: a power of two of slots, each of what a socket gives at most. */
const SLOTS = 32;
const SLOT_BYTES = 64 * 1024;
/** Where the counts stand of slots that were filled and of slots that were emptied. Both wrap at 2^32. */
const GIVEN = 0;
const TAKEN = 1;
/** In place of a length: the stream is over and its hash wanted, or nobody wants it. */
const END = -1;
const DROP = -2;

/** Whoever waits for the hash of a stream. */
interface Wanted {
  resolve(digest: string): void;
  reject(error: Error): void;
}

/**
 * Takes SHA-256 of many streams in a thread of its own, for as long as that lives.
 *
 * Bytes are copied into memory that both threads see, and the other thread sleeps on the count of filled
 * slots: no message is sent but the hash of each stream. (Messages for the pieces would cost as much as
 * their hash.) While the ring is full, streams wait.
 */
export class HashThread {
  readonly #bytes = new Uint8Array(new SharedArrayBuffer(SLOTS * SLOT_BYTES));
  /** Stream and length of what is in each slot. */
  readonly #heads = new Int32Array(new SharedArrayBuffer(2 * 4 * SLOTS));
  readonly #counts = new Int32Array(new SharedArrayBuffer(2 * 4));
  readonly #worker: Worker;
  readonly #wanted = new Map<number, Wanted>();
  #given = 0;
  #streams = 0;
  #death: Error | undefined;

  /** @param loop what the thread runs; tests put something else there */
  constructor(loop = new URL('./hash-loop.js', import.meta.url)) {
    const ring = { bytes: this.#bytes, heads: this.#heads, counts: this.#counts };
    this.#worker = new Worker(loop, {
      workerData: { ...ring, slots: SLOTS, slotBytes: SLOT_BYTES, GIVEN, TAKEN, END },
      resourceLimits: { maxYoungGenerationSizeMb: 1 },
    });
    // Whoever waits for a hash has a download open.
    this.#worker.unref();
    this.#worker.on('message', ([stream, digest]: [number, string]) => {
      this.#wanted.get(stream)?.resolve(digest);
      this.#wanted.delete(stream);
    });
    this.#worker.on('error', (error) => this.#end(error));
    this.#worker.on('exit', () => this.#end(new Error('the thread that takes hashes has ended')));
  }

  get isAlive(): boolean {
    return !this.#death;
  }

  /** The hash of a new stream. `update` and `digest` throw what ended the thread. */
  begin(): RunningHash {
    this.#streams = (this.#streams + 1) | 0;
    const stream = this.#streams;
    let waiting = Promise.resolve();
    let over = false;
    return {
      update: (piece) => {
        if (piece.length <= SLOT_BYTES && !this.#isFull()) return this.#fill(stream, piece.length, piece);
        waiting = this.#giveInParts(stream, piece);
        return waiting;
      },
      digest: () => {
        over = true;
        return new Promise((resolve, reject) => {
          this.#wanted.set(stream, { resolve, reject });
          this.#give(stream, END).catch(reject);
        });
      },
      close: () => {
        if (over) return;
        over = true;
        // A piece that came after it would be the first of a stream that nobody ends. A thread that has
        // died has forgotten the stream already.
        waiting.then(() => this.#give(stream, DROP)).catch(() => {});
      },
    };
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  async #giveInParts(stream: number, piece: Uint8Array): Promise<void> {
    for (let at = 0; at < piece.length; at += SLOT_BYTES) {
      const part = piece.subarray(at, at + SLOT_BYTES);
      await this.#give(stream, part.length, part);
    }
  }

  #isFull(): boolean {
    return ((this.#given - Atomics.load(this.#counts, TAKEN)) | 0) >= SLOTS;
  }

  /** Waits for an empty slot. Several may wait for the same one: whoever is late looks again, and fills at once. */
  async #give(stream: number, length: number, piece?: Uint8Array): Promise<void> {
    while (!this.#death && this.#isFull()) {
      await Atomics.waitAsync(this.#counts, TAKEN, (this.#given - SLOTS) | 0).value;
    }
    this.#fill(stream, length, piece);
  }

  #fill(stream: number, length: number, piece?: Uint8Array): void {
    if (this.#death) throw this.#death;
    const slot = this.#given & (SLOTS - 1);
    if (piece) this.#bytes.set(piece, slot * SLOT_BYTES);
    this.#heads[2 * slot] = stream;
    this.#heads[2 * slot + 1] = length;
    this.#given = (this.#given + 1) | 0;
    Atomics.store(this.#counts, GIVEN, this.#given);
    Atomics.notify(this.#counts, GIVEN);
  }

  #end(error: Error): void {
    this.#death ??= error;
    for (const wanted of this.#wanted.values()) wanted.reject(this.#death);
    this.#wanted.clear();
    // Whoever waits for room hears of it.
    Atomics.notify(this.#counts, TAKEN);
  }
}
