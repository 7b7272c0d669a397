import { closestMatch } from 'leven';

/** Returns the known name that is closest to a misspelt one; `undefined` when none is close. */
export function nearest(name: string, known: Iterable<string>): string | undefined {
  return closestMatch(name, [...known], { maxDistance: Math.max(1, Math.floor(name.length / 3)) });
}
