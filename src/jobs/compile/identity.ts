import { hash } from 'node:crypto';
import type { ItemInput, Provider } from '../job.ts';
import type { Combination } from './matrix.ts';
import { slug } from '../names.ts';
import { render, variablesOf, type Template } from '../template.ts';

/**
 * Returns a function from prompts to ids, for inputs that are otherwise the same. An id is 12 hexadecimal digits of the
 * SHA-256 of the input and the provider, so that a job has the same id in every run, independent of its position and the
 * order of its fields.
 */
export function contentIds(input: ItemInput, provider: Provider): (prompt: string) => string {
  const fields = Object.entries({ ...input, provider }).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const prompt = fields.findIndex(([name]) => name === 'prompt');
  const before = fields.slice(0, prompt).map((field) => `${JSON.stringify(field)},`);
  const after = fields.slice(prompt + 1).map((field) => `,${JSON.stringify(field)}`);
  const [begin, end] = [`[${before.join('')}["prompt",`, `]${after.join('')}]`];
  return (text) => hash('sha256', begin + JSON.stringify(text) + end).slice(0, 12);
}

/**
 * Returns the id of one combination from the id of its job. If that contains no variable, all values are appended:
 * values rather than numbers, so that ids do not change when a value is added.
 */
export function givenId(template: Template, values: Combination, variables?: ReadonlyMap<string, string>): string {
  const text = render(template, (name) => {
    const value = values.get(name) ?? variables?.get(name);
    return value === undefined ? undefined : slug(value);
  });
  if (values.size === 0 || variablesOf(template).some((name) => values.has(name))) return text;
  return [text, ...[...values.values()].map(slug)].join('-');
}
