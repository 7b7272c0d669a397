/** Returns numbers in [0, 1), the same sequence for the same seed. */
export type Random = () => number;

/** Creates a Mulberry32 generator: 32 bits of state, fast, and sufficient for times and faults. */
export function seededRandom(seed: number): Random {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/**
 * Derives the seed of the n-th task of a prompt. It depends on the prompt and not on a common sequence, so that a task
 * takes the same time in every run, in any order of requests.
 */
export function taskSeed(seed: number, prompt: string, n: number): number {
  let hash = (0x811c9dc5 ^ seed) | 0;
  for (let i = 0; i < prompt.length; i++) hash = Math.imul(hash ^ prompt.charCodeAt(i), 0x01000193);
  return scramble(scramble(hash) + n);
}

/** Finalizer of Murmur3. Without it, prompts that differ in the last digit would share seeds. */
function scramble(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) | 0;
}

/** Draws a number uniformly from [min, max]. */
export function between(random: Random, [min, max]: readonly [number, number]): number {
  return min + (max - min) * random();
}
