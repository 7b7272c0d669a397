import { closestMatch } from 'leven';

/** The known name that a misspelt one most likely meant, or `undefined` when none is close. */
export function nearest(name: string, known: Iterable<string>): string | undefined {
  return closestMatch(name, [...known], { maxDistance: Math.max(1, Math.floor(name.length / 3)) });
}
