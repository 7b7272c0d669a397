import { expect } from 'vitest';

/** Counts which cases a property test has covered. */
export interface Coverage<Case extends string> {
  count(covered: Case, times?: number): void;
  /** Prints the counts once and fails when a case was never covered. */
  report(): void;
}

/** @param title of the line that is printed */
export function coverage<const Case extends string>(title: string, cases: readonly Case[]): Coverage<Case> {
  const counts = new Map<Case, number>(cases.map((name) => [name, 0]));
  return {
    count: (covered, times = 1) => void counts.set(covered, (counts.get(covered) ?? 0) + times),
    report() {
      const line = [...counts].map(([name, times]) => `${name} ${times}`).join(', ');
      process.stdout.write(`coverage of ${title}: ${line}\n`);
      for (const [name, times] of counts) expect(times, `${title}: ${name}`).toBeGreaterThan(0);
    },
  };
}
