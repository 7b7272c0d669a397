import { nearest } from '../../../core/did-you-mean.ts';
import { columnOption, likelyPrompt, misspelledField, variableName } from '../../field-names.ts';
import { jobShape } from '../../schema.ts';
import type { ReadOptions } from '../reader.ts';
import type { SyntaxDiagnostic } from '../../tree.ts';
import { quote } from '../../messages.ts';

/** The contents of a column: a field of a job, a variable, or `undefined` if it is ignored. */
export type Column = { name: string; variable: boolean } | undefined;

const tableFields = Object.keys(jobShape).filter((name) => name !== 'matrix');

/** Returns the field of a column by its name, ignoring case and separators of words. */
export function fieldNamed(name: string, renames: ReadonlyMap<string, string>): string | undefined {
  const renamed = renames.get(name);
  if (renamed !== undefined) return renamed;
  const simple = name.toLowerCase().replace(/[ _-]+/g, '_');
  return tableFields.find((field) => field === simple);
}

/** Determines the contents of each column of a table, and the errors in the first row. */
export class Columns {
  readonly all: Column[];
  readonly diagnostics: SyntaxDiagnostic[] = [];
  readonly variables: string[] = [];
  /** Whether no column is the prompt, so that the first row may not contain names. */
  nameless = false;
  /** Fields of jobs whose columns have errors. */
  readonly faulty: string[] = [];
  /** Numbers of columns without a name, from 1. */
  readonly unnamed: number[] = [];
  readonly #names: readonly string[];
  readonly #line: number;

  constructor(names: readonly string[], line: number, { renames, set }: Pick<ReadOptions, 'renames' | 'set'>) {
    this.#names = names;
    this.#line = line;
    const fields = names.map((name) => fieldNamed(name, renames));
    for (const [name, field] of renames) {
      if (!names.includes(name) && field !== 'jobs') this.#missing(name, field);
    }
    const taken = new Set(names.map((name) => renames.get(name)));
    const present = new Set(fields.filter((field) => field !== undefined));
    this.all = names.map((name, position) => {
      const field = fields[position];
      if (name === '') return void this.unnamed.push(position + 1);
      // A column renamed by --column takes precedence over the one with the name of the field.
      if (field !== undefined && taken.has(field) && !renames.has(name))
        return this.#variable(`column_${name}`, position);
      const known = field !== undefined && tableFields.includes(field);
      if (known && fields.indexOf(field) < position)
        return this.#wrong(position, twice(name, fields.indexOf(field), position), field);
      if (known) return { name: field, variable: false };
      if (field === 'matrix' || name === 'matrix') {
        return this.#wrong(position, 'a table cannot have a matrix: use YAML, JSON or JSONL');
      }
      const meant = field === undefined ? misspelledField(name, tableFields, present) : undefined;
      if (meant !== undefined) return this.#wrong(position, misspelled(name, meant), meant);
      return this.#variable(field ?? name, position);
    });
    if (present.has('prompt') || set.has('prompt')) return;
    this.faulty.push('prompt');
    this.nameless = this.diagnostics.length === 0;
    if (this.nameless) this.diagnostics.push({ place: { line, column: 1 }, message: noPrompt(names) });
  }

  #missing(name: string, field: string): void {
    const meant = nearest(name, this.#names);
    const hint = meant === undefined ? '' : `: did you mean ${quote(meant)}?`;
    const message = `${columnOption(field, name)}: there is no column ${quote(name)}${hint}`;
    this.diagnostics.push({ place: { line: this.#line, column: 1 }, message });
    this.faulty.push(field);
  }

  #variable(name: string, position: number): Column {
    let variable = variableName(name);
    if (variable === 'column') variable = `column_${position + 1}`;
    if (this.variables.includes(variable)) variable = `${variable}_${position + 1}`;
    this.variables.push(variable);
    return { name: variable, variable: true };
  }

  #wrong(position: number, message: string, field?: string): undefined {
    if (field !== undefined) this.faulty.push(field);
    const name = this.#names[position] ?? '';
    this.diagnostics.push({ place: { line: this.#line, column: position + 1 }, field: name, message });
  }
}

function twice(name: string, first: number, position: number): string {
  return `column ${quote(name)} appears twice: columns ${first + 1} and ${position + 1}`;
}

function misspelled(name: string, meant: string): string {
  const variable = `x_${variableName(name)}`;
  return (
    `unknown column ${quote(name)}: did you mean \`${meant}\`? ${columnOption(meant, name)} reads it as that field, ` +
    `${columnOption(variable, name)} as a variable`
  );
}

function noPrompt(names: readonly string[]): string {
  const likely = likelyPrompt(names);
  const found = names.length === 1 ? `; use --format txt for one prompt per line` : '';
  if (likely === undefined && names.length === 1 && /\S\s+\S+\s+\S/.test(names[0] ?? '')) {
    return 'the first row does not name columns: use --format txt for one prompt per line, or add a row such as `id,prompt` at the top';
  }
  if (likely === undefined) {
    const known = names.filter((name) => name !== '').map((name) => quote(name));
    return (
      `the first row names the columns, but none is \`prompt\`: name the one with the prompts, ` +
      `${columnOption('prompt', names.length === 1 ? (names[0] ?? '') : 'COLUMN')} (the columns are ${known.slice(0, 20).join(', ')}), or add a row of names at the top${found}`
    );
  }
  return `the first row names the columns, but none is \`prompt\`: ${columnOption('prompt', likely)} reads the prompts from ${quote(likely)}${found}`;
}
