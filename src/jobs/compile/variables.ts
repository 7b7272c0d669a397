import type { Batch } from './header.ts';
import { columnOption, likelyPrompt, misspelledField, variableName } from '../field-names.ts';
import { jobShape } from '../schema.ts';
import type { FieldDiagnostic, Fields, Report } from '../tree.ts';
import { quote, unknownName } from '../messages.ts';

const fieldNames = Object.keys(jobShape);
const EMPTY: ReadonlyMap<string, string> = new Map();

/**
 * Returns the variables of a job that are no part of its matrix: its fields that clipmill does not know. Those
 * that are refused count too, so that a template with one of them is no second mistake.
 */
export function variablesOf(raw: Fields, batch: Batch, report: Report): ReadonlyMap<string, string> {
  let variables: Map<string, string> | undefined;
  let likely: string | undefined;
  for (const name of Object.keys(raw)) {
    if (Object.hasOwn(jobShape, name) || raw[name] === undefined) continue;
    if (variables === undefined) {
      variables = new Map();
      likely = batch.extraFields === 'refuse' ? promptIn(raw, batch) : undefined;
      if (likely !== undefined) report(renamedPrompt(likely));
    }
    const column = batch.columns.has(name);
    // With the prompt's name, the same option makes variables of all others: nothing is reported of them.
    const fault = column || likely !== undefined ? undefined : refusal(name, raw, batch);
    if (fault !== undefined) report(fault);
    variables.set(column ? name : variableName(name), textOf(raw[name]));
  }
  return variables ?? EMPTY;
}

/** Returns the field that most likely holds the prompt of a job that has none. */
function promptIn(raw: Fields, batch: Batch): string | undefined {
  const given = raw['prompt'] ?? batch.defaults['prompt'] ?? batch.set['prompt'];
  return given === undefined ? likelyPrompt(Object.keys(raw)) : undefined;
}

function renamedPrompt(name: string): FieldDiagnostic {
  const message = `unknown field ${quote(name)}: ${columnOption('prompt', name)} reads the prompts from it`;
  return { path: [name], at: 'key', message, meant: 'prompt', once: 'prompt' };
}

/** Returns what is wrong with a field that is misspelled, or that is unknown where such fields are no variables. */
function refusal(name: string, raw: Fields, batch: Batch): FieldDiagnostic | undefined {
  const meant = misspelledField(name, fieldNames, new Set(Object.keys(raw)));
  if (meant !== undefined) {
    const message = `unknown field ${quote(name)}: did you mean \`${meant}\`?`;
    return { path: [name], at: 'key', message, meant };
  }
  if (batch.extraFields === 'variables') return undefined;
  const message = unknownName('field', name, fieldNames);
  if (batch.extraFields === 'unknown') return { path: [name], at: 'key', message };
  const cure = `; --variables takes it as a variable, ${columnOption('FIELD', name)} as another field`;
  return { path: [name], at: 'key', message: message + cure, once: `unknown ${name}` };
}

function textOf(value: unknown): string {
  if (value === null) return '';
  if (Array.isArray(value) && value.every((item) => typeof item !== 'object')) return value.join(', ');
  return typeof value === 'string' ? value : JSON.stringify(value);
}
