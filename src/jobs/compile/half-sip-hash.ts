import { randomBytes } from 'node:crypto';

/** 64 bits as two unsigned words. */
export interface Hash64 {
  readonly high: number;
  readonly low: number;
}

export type HashKey = readonly [number, number];

/** Returns a random key, without which colliding texts cannot be constructed. */
export function randomHashKey(): HashKey {
  const bytes = randomBytes(8);
  return [bytes.readInt32LE(0), bytes.readInt32LE(4)];
}

/**
 * Computes HalfSipHash-2-4 with a 64-bit result (the keyed hash of Aumasson and Bernstein in its variant for 32-bit
 * words) over the UTF-16 code units of a text. A name of 30 characters takes a fifth of the time of SHA-256 from
 * `node:crypto`.
 */
export function halfSipHash(text: string, [k0, k1]: HashKey): Hash64 {
  let v0 = k0;
  let v1 = k1 ^ 0xee;
  let v2 = 0x6c796765 ^ k0;
  let v3 = 0x74656462 ^ k1;
  let low = 0;
  // A word holds two code units. The last word holds the length and an odd last unit. Two further steps finalize.
  const words = (text.length >>> 1) + 1;
  for (let step = 0; step < words + 2; step++) {
    let word = 0;
    if (step === words) {
      v2 ^= 0xee;
    } else if (step > words) {
      low = (v1 ^ v3) >>> 0;
      v1 ^= 0xdd;
    } else {
      const at = step * 2;
      if (at < text.length) word = text.charCodeAt(at);
      word |= (at + 1 < text.length ? text.charCodeAt(at + 1) : 0) << 16;
      if (step === words - 1) word |= (text.length * 2) << 24;
    }
    v3 ^= word;
    for (let rounds = step < words ? 2 : 4; rounds > 0; rounds--) {
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
    }
    v0 ^= word;
  }
  return { low, high: (v1 ^ v3) >>> 0 };
}
