import leven from 'leven';
import { nearest } from '../core/did-you-mean.ts';
import { builtIns, isVariableName } from './template.ts';

/**
 * Returns the field that a misspelled name most likely stands for, or `undefined`. If that field is present too, as with
 * `prompt_id` and `prompt`, the name counts as misspelled only if a single letter differs.
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

/** Names of the prompt field in files of other programs. */
const PROMPTS =
  /^(?:prompt[ _-]?(?:text|en|english)|captions?|text|description|sentence|instruction|positive[ _-]?prompt|title)$/i;

/** Returns the field that most likely holds the prompts if none is named `prompt`. */
export function likelyPrompt(names: readonly string[]): string | undefined {
  return names.find((name) => PROMPTS.test(name));
}

/** Formats the option `--column prompt=caption` for a shell. */
export function columnOption(field: string, name: string): string {
  const shown = name.length > 60 ? 'NAME' : name;
  return /^[\w.-]+$/.test(shown) ? `--column ${field}=${shown}` : `--column ${field}='${shown}'`;
}

/** Returns the name of the variable for a field or a column. */
export function variableName(name: string): string {
  const variable = name
    .slice(0, 100)
    .replace(/\W+/g, '_')
    .replace(/^_+|_+$/g, '')
    .replace(/^(?=\d)/, '_');
  if ((builtIns as readonly string[]).includes(variable)) return `column_${variable}`;
  return isVariableName(variable) ? variable : 'column';
}
