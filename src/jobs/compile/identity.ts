import { hash } from 'node:crypto';
import type { ItemInput, Provider } from '../job.ts';
import type { Combination } from './matrix.ts';
import { slug } from '../names.ts';
import { render, variablesOf, type Template } from '../template.ts';

/**
 * Returns how ids are made of prompts where the rest of the input is the same: 12 hexadecimal digits of the
 * SHA-256 of what is paid for. The same job has the same id in every run, wherever it stands in its file and
 * whatever the order of its fields.
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
