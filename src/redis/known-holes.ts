import { warn, type Finding } from '../core/finding.ts';
import type { RedisFacts } from './facts.ts';

/** The first release of each line without CVE-2025-49844: a script of any user that may run scripts takes over the server. */
const fixedIn: Readonly<Record<string, readonly (readonly number[])[]>> = {
  Redis: [
    [6, 2, 20],
    [7, 2, 11],
    [7, 4, 6],
    [8, 0, 4],
    [8, 2, 2],
  ],
  Valkey: [
    [7, 2, 11],
    [8, 0, 6],
    [8, 1, 4],
  ],
};

/** Warns of a release with a known hole; a distribution may have mended its build without another number. */
export function judgeHoles({ product, version }: RedisFacts): Finding[] {
  const fixed = fixedIn[product];
  if (!fixed || version === undefined) return [];
  const numbers = version.split('.').map((part) => Number.parseInt(part, 10));
  const sameLine = fixed.find(([major, minor]) => major === numbers[0] && minor === numbers[1]);
  // A line that ended before the fix has none.
  const isFixed = sameLine ? compare(numbers, sameLine) >= 0 : compare(numbers, fixed.at(-1) ?? []) >= 0;
  if (isFixed) return [];
  const releases = fixed.map((release) => release.join('.')).join(', ');
  return [
    warn(
      'security',
      `${product} ${version} may have CVE-2025-49844: its users can take over the server by a script`,
      `Install ${releases} or newer, unless the build of your distribution has the fix; and let nobody else reach it.`,
    ),
  ];
}

function compare(one: readonly number[], other: readonly number[]): number {
  for (const [index, number] of other.entries()) {
    const difference = (one[index] ?? 0) - number;
    if (difference !== 0) return difference;
  }
  return 0;
}
