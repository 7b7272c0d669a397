import type { MatrixValue } from '../job.ts';
import { builtIns, isVariableName } from '../template.ts';
import { isFields, type Report } from '../tree.ts';
import { quote } from '../messages.ts';

export type Matrix = Readonly<Record<string, readonly MatrixValue[]>>;

/** One value of each variable. */
export type Combination = ReadonlyMap<string, string>;

/** Checks the rules that the schema cannot express: the names of variables, and that their values differ. */
export function checkMatrix(raw: unknown, report: Report): void {
  if (!isFields(raw)) return;
  if (Object.keys(raw).length === 0) report({ path: ['matrix'], message: 'needs at least one variable' });
  for (const [name, values] of Object.entries(raw)) {
    const path = ['matrix', name];
    if (!isVariableName(name)) {
      const message = `${quote(name)} must be letters, digits and "_", beginning with a letter or "_"`;
      report({ path, at: 'key', message });
    } else if ((builtIns as readonly string[]).includes(name) || name === '__proto__') {
      report({ path, at: 'key', message: `${quote(name)} is reserved: choose another name` });
    }
    if (!Array.isArray(values)) continue;
    const seen = new Set<string>();
    for (const [position, value] of values.entries()) {
      const text = String(value);
      if (seen.has(text)) report({ path: [...path, position], message: `has ${quote(text)} twice` });
      seen.add(text);
    }
  }
}

export function combinationCount(matrix: Matrix): number {
  return Object.values(matrix).reduce((count, values) => count * values.length, 1);
}

const EMPTY: readonly Combination[] = [new Map()];

/** Returns every combination; the last variable changes fastest. Without variables, returns one empty combination. */
export function combinations(matrix: Matrix): Iterable<Combination> {
  const variables = Object.entries(matrix);
  return variables.length === 0 ? EMPTY : allOf(variables, combinationCount(matrix));
}

function* allOf(variables: readonly [string, readonly MatrixValue[]][], count: number): Generator<Combination> {
  for (let number = 0; number < count; number++) {
    let block = count;
    const values = new Map<string, string>();
    for (const [name, choices] of variables) {
      block /= choices.length;
      values.set(name, String(choices[Math.floor(number / block) % choices.length]));
    }
    yield values;
  }
}
