import { hash } from 'node:crypto';
import type { ItemInput } from '../input.ts';
import type { Provider } from '../job.ts';
import type { Combination } from './matrix.ts';
import { slug } from '../names.ts';
import { render, variablesOf, type Template } from '../template.ts';

/**
 * A name made of what is asked for, so that the same job has the same one in every run, wherever it
 * stands and in whatever order its fields are: 12 hexadecimal digits of SHA-256.
 */
export function contentId(input: ItemInput, provider: Provider): string {
  const fields = Object.entries({ ...input, provider }).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return hash('sha256', JSON.stringify(fields)).slice(0, 12);
}

/**
 * The id that a job was given, for one combination of its matrix. When no variable stands in it, all
 * values are appended: names, not numbers, so that ids stay when a value is added.
 */
export function givenId(template: Template, values: Combination, variables?: ReadonlyMap<string, string>): string {
  const text = render(template, (name) => {
    const value = values.get(name) ?? variables?.get(name);
    return value === undefined ? undefined : slug(value);
  });
  if (values.size === 0 || variablesOf(template).some((name) => values.has(name))) return text;
  return [text, ...[...values.values()].map(slug)].join('-');
}
