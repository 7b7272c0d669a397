import { nearest } from '../core/did-you-mean.ts';

const SHOWN = 60;

/** Quotes a text of the user for a message: in backticks, cut to 60 characters, control characters escaped. */
export function quote(text: string): string {
  return `\`${truncate(text)}\``;
}

/** As `shown`, without the backticks. */
export function truncate(text: string): string {
  const characters = Array.from(text.slice(0, 4 * SHOWN));
  const cut = characters.length > SHOWN ? `${characters.slice(0, SHOWN).join('')}…` : text;
  return cut.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) => JSON.stringify(character).slice(1, -1));
}

/** `a number`, `a list`: what a value is, for people. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a mapping';
  if (typeof value === 'boolean') return `the value ${value}`;
  if (typeof value === 'string') return 'text';
  return typeof value === 'number' ? 'a number' : typeof value;
}

/** `unknown field `promt`: did you mean `prompt`?` */
export function unknownName(what: string, name: string, known: readonly string[]): string {
  const meant = nearest(name, known);
  return `unknown ${what} ${quote(name)}: ${
    meant === undefined ? `known are ${known.join(', ')}` : `did you mean \`${meant}\`?`
  }`;
}

/** `1 job`, `2 jobs`, `1,000 jobs` */
export function counted(count: number, noun: string): string {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`;
}
