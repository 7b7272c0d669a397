import leven from 'leven';
import { nearest } from '../core/did-you-mean.ts';
import { builtIns, isVariableName } from './template.ts';

/**
 * Returns the field that a name most likely meant, or `undefined` when it is near none. A name beside the
 * very field, such as `prompt_id` beside `prompt`, is one of its own unless a single letter differs.
 */
export function misspelledField(
  name: string,
  known: readonly string[],
  present: ReadonlySet<string>,
): string | undefined {
  const simple = name.toLowerCase().replace(/[ -]+/g, '_');
  const meant = nearest(simple, known);
  if (meant === undefined || !present.has(meant)) return meant;
  return leven(simple, meant) <= 1 ? meant : undefined;
}

/** Other programs' names for the prompt. */
const PROMPTS =
  /^(?:prompt[ _-]?(?:text|en|english)|captions?|text|description|sentence|instruction|positive[ _-]?prompt|title)$/i;

/** Returns the field that most likely holds the prompts where none is called so. */
export function likelyPrompt(names: readonly string[]): string | undefined {
  return names.find((name) => PROMPTS.test(name));
}

/** `--column prompt=caption`, as it is typed. */
export function columnOption(field: string, name: string): string {
  const shown = name.length > 60 ? 'NAME' : name;
  return /^[\w.-]+$/.test(shown) ? `--column ${field}=${shown}` : `--column ${field}='${shown}'`;
}

/** Returns what stands in braces for a field or a column. */
export function variableName(name: string): string {
  const variable = name
    .slice(0, 100)
    .replace(/\W+/g, '_')
    .replace(/^_+|_+$/g, '')
    .replace(/^(?=\d)/, '_');
  if ((builtIns as readonly string[]).includes(variable)) return `column_${variable}`;
  return isVariableName(variable) ? variable : 'column';
}
