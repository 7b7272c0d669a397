import { hash as digestOf } from 'node:crypto';

/** The job that was the first with a name. */
export interface Owner {
  /** Number of the file, from 0. */
  file: number;
  /** Line of the job, from 1; 0 where there are no lines. */
  line: number;
  /** Number of the job in its file, from 1. */
  job: number;
}

/** Words of 32 bits of a slot: two of the hash, then file, line and job. */
const SLOT = 5;

/**
 * Which job has a name already, for millions of names in memory that does not depend on their length:
 * an open-addressing table of 64-bit hashes, 20 bytes a slot, at most two thirds full. That two
 * of a million different names share a hash is a matter of one in 37 million.
 */
export class NameTable {
  #slots = new Uint32Array(1024 * SLOT);
  #used = 0;

  /** Who has the name, or `undefined` when nobody had: then it is this owner's from now on. */
  claim(name: string, owner: Owner): Owner | undefined {
    const [high, low] = hash(name);
    const at = this.#find(this.#slots, high, low);
    const first = this.#read(at);
    if (first !== undefined) return first;
    this.#slots.set([high, low, owner.file, owner.line, owner.job], at);
    if (++this.#used * 3 * SLOT > this.#slots.length * 2) this.#grow();
    return undefined;
  }

  find(name: string): Owner | undefined {
    const [high, low] = hash(name);
    return this.#read(this.#find(this.#slots, high, low));
  }

  #read(at: number): Owner | undefined {
    const [high = 0, , file = 0, line = 0, job = 0] = this.#slots.subarray(at, at + SLOT);
    return high === 0 ? undefined : { file, line, job };
  }

  /** Where the hash stands, or the free slot where it belongs. */
  #find(slots: Uint32Array, high: number, low: number): number {
    const count = slots.length / SLOT;
    for (let slot = low % count; ; slot = (slot + 1) % count) {
      const at = slot * SLOT;
      if (slots[at] === 0 || (slots[at] === high && slots[at + 1] === low)) return at;
    }
  }

  #grow(): void {
    const slots = new Uint32Array(this.#slots.length * 2);
    for (let at = 0; at < this.#slots.length; at += SLOT) {
      const [high = 0, low = 0] = this.#slots.subarray(at, at + 2);
      if (high !== 0) slots.set(this.#slots.subarray(at, at + SLOT), this.#find(slots, high, low));
    }
    this.#slots = slots;
  }
}

/** A zero in the first word marks a free slot, so it never is zero. */
function hash(name: string): [number, number] {
  const digest = digestOf('sha256', name, 'buffer');
  return [digest.readUInt32LE(0) || 1, digest.readUInt32LE(4)];
}
