import { warn, type Finding } from '../core/finding.ts';
import type { RedisFacts } from './facts.ts';

/** The first release of each line with the fixes for CVE-2025-49844, by which a script can take over the server. */
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

/** Warns of a release with a known vulnerability; a distribution may have fixed its build without a new number. */
export function judgeVulnerabilities({ product, version }: RedisFacts): Finding[] {
  const fixed = fixedIn[product];
  if (!fixed || version === undefined) return [];
  const numbers = version.split('.').map((part) => Number.parseInt(part, 10));
  const sameLine = fixed.find(([major, minor]) => major === numbers[0] && minor === numbers[1]);
  // A line that ended before the fix has no fixed release.
  const isFixed = sameLine ? compare(numbers, sameLine) >= 0 : compare(numbers, fixed.at(-1) ?? []) >= 0;
  if (isFixed) return [];
  const releases = fixed.map((release) => release.join('.')).join(', ');
  return [
    warn(
      'security',
      `${product} ${version} is older than the releases with the latest security fixes, such as for CVE-2025-49844`,
      `Install ${releases} or newer, unless the build of your distribution has the fixes, and do not expose it to networks that you do not trust.`,
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
