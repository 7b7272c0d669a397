import type { Summary, TaskRecord } from '../src/simulator/records.ts';

/** The records of the simulator, with all tasks. */
export interface FullRecords extends Summary {
  firstPostAt: number;
  full: { tasks: TaskRecord[] };
}

/** Reads the records of a simulator. */
export async function readRecords(url: string): Promise<FullRecords> {
  const answer = await fetch(`${url}/_simulator/records?full=1`);
  return (await answer.json()) as FullRecords;
}

/** Returns the number of API requests. */
export function requestsOf({ requests }: FullRecords): number {
  return requests.create + requests.status;
}

/** Returns the time from the first POST to the one that takes the last slot, or to the last POST, in milliseconds. */
export function fillTime(tasks: readonly TaskRecord[], slots: number): number {
  const posts = tasks.map((task) => task.createdAt).toSorted((a, b) => a - b);
  return (posts[Math.min(slots, posts.length) - 1] ?? Number.NaN) - (posts[0] ?? Number.NaN);
}

/**
 * Returns for how long each freed slot was empty, in milliseconds, in ascending order: the n-th end that was seen frees
 * the slot of the n-th POST after the first `slots`.
 */
export function refillTimes(tasks: readonly TaskRecord[], slots: number): number[] {
  const seen = tasks.map((task) => task.firstPolledEndedAt ?? Infinity).toSorted((a, b) => a - b);
  const posts = tasks.map((task) => task.createdAt).toSorted((a, b) => a - b);
  return posts
    .slice(slots)
    .map((post, index) => post - (seen[index] ?? Infinity))
    .toSorted((a, b) => a - b);
}

/** Returns the median; of an even number of values, the higher of the two in the middle. */
export function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[values.length >> 1] ?? Number.NaN;
}

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
