import type { Batch } from './header.ts';
import { columnOption, likelyPrompt, misspelledField, variableName } from '../fields.ts';
import { jobShape } from '../schema.ts';
import type { Fields, Report } from '../tree.ts';
import { quote, unknownName } from '../wording.ts';

const fieldNames = Object.keys(jobShape);
const EMPTY: ReadonlyMap<string, string> = new Map();

/** Returns the variables of a job that are no part of its matrix: its fields that clipmill does not know. */
export function variablesOf(raw: Fields, batch: Batch, report: Report): ReadonlyMap<string, string> {
  let variables: Map<string, string> | undefined;
  const likely = batch.extraFields === 'refuse' ? promptIn(raw, batch) : undefined;
  if (likely !== undefined) {
    // The option makes variables of all the others: nothing needs to be said of them.
    const message = `unknown field ${quote(likely)}: ${columnOption('prompt', likely)} reads the prompts from it`;
    report({ path: [likely], at: 'key', message, once: 'prompt' });
    return EMPTY;
  }
  for (const name of Object.keys(raw)) {
    if (Object.hasOwn(jobShape, name) || raw[name] === undefined) continue;
    if (!batch.columns.has(name) && !isVariable(name, raw, batch, report)) continue;
    variables ??= new Map();
    variables.set(batch.columns.has(name) ? name : variableName(name), textOf(raw[name]));
  }
  return variables ?? EMPTY;
}

/** The field that most likely holds the prompt of a job that has none. */
function promptIn(raw: Fields, batch: Batch): string | undefined {
  const given = raw['prompt'] ?? batch.defaults['prompt'] ?? batch.set['prompt'];
  return given === undefined ? likelyPrompt(Object.keys(raw)) : undefined;
}

/** Reports a field that is misspelled, or that is unknown where such fields are no variables. */
function isVariable(name: string, raw: Fields, batch: Batch, report: Report): boolean {
  const meant = misspelledField(name, fieldNames, new Set(Object.keys(raw)));
  if (meant === undefined && batch.extraFields === 'variables') return true;
  let message = unknownName('field', name, fieldNames);
  if (meant === undefined && batch.extraFields === 'refuse') {
    message += `; --variables takes it as a variable, ${columnOption('FIELD', name)} as another field`;
    report({ path: [name], at: 'key', message, once: `unknown ${name}` });
  } else
    report({
      path: [name],
      at: 'key',
      message: meant === undefined ? message : `unknown field ${quote(name)}: did you mean \`${meant}\`?`,
    });
  return false;
}

function textOf(value: unknown): string {
  if (value === null) return '';
  if (Array.isArray(value) && value.every((item) => typeof item !== 'object')) return value.join(', ');
  return typeof value === 'string' ? value : JSON.stringify(value);
}
