import type { Batch } from './header.ts';
import { columnOption, likelyPrompt, misspelledField, variableName } from '../field-names.ts';
import { jobShape } from '../schema.ts';
import type { FieldDiagnostic, Fields, Report } from '../tree.ts';
import { quote, unknownName } from '../messages.ts';

const fieldNames = Object.keys(jobShape);
const EMPTY: ReadonlyMap<string, string> = new Map();

/**
 * Returns the variables of a job besides its matrix: its unknown fields. Refused ones are included, so that a template
 * with one of them is not a second error.
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
    // The --column option for the prompt also makes variables of all other fields, so they are not reported.
    const fault = column || likely !== undefined ? undefined : refusal(name, raw, batch);
    if (fault !== undefined) report(fault);
    variables.set(column ? name : variableName(name), textOf(raw[name]));
  }
  return variables ?? EMPTY;
}

/** Returns the field that most likely holds the prompt, if the job has no `prompt`. */
function promptIn(raw: Fields, batch: Batch): string | undefined {
  const given = raw['prompt'] ?? batch.defaults['prompt'] ?? batch.set['prompt'];
  return given === undefined ? likelyPrompt(Object.keys(raw)) : undefined;
}

function renamedPrompt(name: string): FieldDiagnostic {
  const message = `unknown field ${quote(name)}: ${columnOption('prompt', name)} reads the prompts from it`;
  return { path: [name], at: 'key', message, meant: 'prompt', once: 'prompt' };
}

/** Returns the error of a field that is misspelled, or unknown where unknown fields are not variables. */
function refusal(name: string, raw: Fields, batch: Batch): FieldDiagnostic | undefined {
  const meant = misspelledField(name, fieldNames, new Set(Object.keys(raw)));
  if (meant !== undefined) {
    const message = `unknown field ${quote(name)}: did you mean \`${meant}\`?`;
    return { path: [name], at: 'key', message, meant };
  }
  if (batch.extraFields === 'variables') return undefined;
  const message = unknownName('field', name, fieldNames);
  if (batch.extraFields === 'unknown') return { path: [name], at: 'key', message };
  const cure = `; --variables makes it a variable, ${columnOption('FIELD', name)} reads it as another field`;
  return { path: [name], at: 'key', message: message + cure, once: `unknown ${name}` };
}

function textOf(value: unknown): string {
  if (value === null) return '';
  if (Array.isArray(value) && value.every((item) => typeof item !== 'object')) return value.join(', ');
  return typeof value === 'string' ? value : JSON.stringify(value);
}
