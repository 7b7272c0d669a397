import { closestMatch } from 'leven';

/** Returns the known name that is closest to a misspelled one; `undefined` if none is close. */
export function nearest(name: string, known: Iterable<string>): string | undefined {
  return closestMatch(name, [...known], { maxDistance: Math.max(1, Math.floor(name.length / 3)) });
}
