import { nearest } from '../core/did-you-mean.ts';

/** Longest quoted text, in characters. */
const MAX_QUOTED = 60;

/** Quotes a user's text in a message: in backticks, cut to 60 characters, with control characters escaped. */
export function quote(text: string): string {
  return `\`${truncate(text)}\``;
}

/** Like `quote`, without the backticks. */
export function truncate(text: string): string {
  const characters = Array.from(text.slice(0, 4 * MAX_QUOTED));
  const cut = characters.length > MAX_QUOTED ? `${characters.slice(0, MAX_QUOTED).join('')}…` : text;
  return cut.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) => JSON.stringify(character).slice(1, -1));
}

/** Names the type of a value in a message: `a number`, `a list`. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a mapping';
  if (typeof value === 'boolean') return `the value ${value}`;
  if (typeof value === 'string') return 'text';
  return typeof value === 'number' ? 'a number' : typeof value;
}

/** Formats `unknown field `promt`: did you mean `prompt`?`. */
export function unknownName(what: string, name: string, known: readonly string[]): string {
  const meant = nearest(name, known);
  return `unknown ${what} ${quote(name)}: ${
    meant === undefined ? `known ${what}s are ${known.join(', ')}` : `did you mean \`${meant}\`?`
  }`;
}
