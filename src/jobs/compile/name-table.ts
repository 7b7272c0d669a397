import { halfSipHash, randomHashKey, type Hash64 } from './half-sip-hash.ts';

/** The first job with a name. */
export interface Owner {
  /** Number of the file, from 0. */
  file: number;
  /** Line of the job, from 1; 0 if there are no lines. */
  line: number;
  /** Number of the job in its file, from 1. */
  job: number;
}

/** 32-bit words per slot: two of the hash, then file, line and job. */
const SLOT = 5;

const key = randomHashKey();

/** Hashes a name. The key is random, so that a file cannot be constructed with colliding names. */
export function hashName(name: string): Hash64 {
  return halfSipHash(name, key);
}

/**
 * Maps millions of names to their owners, in memory that does not depend on the length of names: an open-addressing
 * table of 64-bit hashes with 20 bytes per slot, at most two thirds full. The probability that two of a million names
 * have the same hash is one in 37 million.
 */
export class NameTable {
  #slots = new Uint32Array(1024 * SLOT);
  #used = 0;

  /** Returns the owner of a name. If it has none, records this owner and returns `undefined`. */
  claim({ high, low }: Hash64, owner: Owner): Owner | undefined {
    // A zero in the first word marks a free slot.
    const word = high || 1;
    const slots = this.#slots;
    const at = slotOf(slots, word, low);
    if (slots[at] !== 0) return ownerAt(slots, at);
    slots[at] = word;
    slots[at + 1] = low;
    slots[at + 2] = owner.file;
    slots[at + 3] = owner.line;
    slots[at + 4] = owner.job;
    if (++this.#used * 3 * SLOT > slots.length * 2) this.#grow();
    return undefined;
  }

  find({ high, low }: Hash64): Owner | undefined {
    const at = slotOf(this.#slots, high || 1, low);
    return this.#slots[at] === 0 ? undefined : ownerAt(this.#slots, at);
  }

  #grow(): void {
    const slots = new Uint32Array(this.#slots.length * 2);
    for (let at = 0; at < this.#slots.length; at += SLOT) {
      const [high = 0, low = 0] = [this.#slots[at], this.#slots[at + 1]];
      if (high === 0) continue;
      const to = slotOf(slots, high, low);
      for (let word = 0; word < SLOT; word++) slots[to + word] = this.#slots[at + word] ?? 0;
    }
    this.#slots = slots;
  }
}

/** Returns the position of the slot of a hash, or of the free slot for it. */
function slotOf(slots: Uint32Array, high: number, low: number): number {
  const count = slots.length / SLOT;
  for (let slot = low % count; ; slot = (slot + 1) % count) {
    const at = slot * SLOT;
    if (slots[at] === 0 || (slots[at] === high && slots[at + 1] === low)) return at;
  }
}

function ownerAt(slots: Uint32Array, at: number): Owner {
  const [file = 0, line = 0, job = 0] = slots.subarray(at + 2, at + SLOT);
  return { file, line, job };
}
