import type { Diagnostic } from '../core/errors.ts';
import { outputFault } from './compile/output-name.ts';
import { zodIssues } from './compile/check-fields.ts';
import { NAME_RULE, isName } from './names.ts';
import { isVariableName } from './template.ts';
import { misspelledField } from './field-names.ts';
import { cellValue } from './read/table/cells.ts';
import type { Budget } from './job.ts';
import { budgetOf, headerShape, jobShape } from './schema.ts';
import { formatPath, plain, START, type Fields, type SyntaxDiagnostic } from './tree.ts';
import { quote, unknownName } from './messages.ts';

/** Options of the command line for the jobs of all files. */
export interface JobOptions {
  /** Name of the batch; overrides that of the files. */
  batch?: string | undefined;
  /** Template of the names of clips; overrides that of the files. */
  output?: string | undefined;
  /** Budget of the batch, as written. */
  maxClips?: string | undefined;
  /** Fields of all jobs, as written; they override those of the files. */
  set?: ReadonlyMap<string, string> | undefined;
  /** Names of fields in the files, by field. If there are any, other unknown fields are variables. */
  columns?: ReadonlyMap<string, string> | undefined;
  /** Whether unknown fields of YAML and JSON are variables, as unknown columns of tables are. Default false. */
  variables?: boolean | undefined;
  /** Handling of options of other programs at the end of a line of a .txt file. Default: refuse. */
  flags?: 'drop' | 'keep' | undefined;
  /** Handling of a job with the same content as another one. Default: refuse. */
  duplicates?: 'refuse' | 'skip' | undefined;
}

export interface CheckedOptions {
  set: Fields;
  /** Fields by their names in the files. */
  renames: ReadonlyMap<string, string>;
  maxClips: Budget | undefined;
  /** Template of the names of clips. */
  output: string | undefined;
  batch: string | undefined;
  /** Fields of jobs whose options are invalid. */
  faulty: readonly string[];
}

const settable = Object.keys(jobShape).filter((name) => name !== 'matrix');

/** Checks the options of the command line and reports their errors. */
export function checkOptions(options: JobOptions, report: (diagnostic: Diagnostic) => void): CheckedOptions {
  const { batch, output, set = new Map<string, string>() } = options;
  const batchFault = batch === undefined || isName(batch) ? undefined : `${NAME_RULE}; this one is ${quote(batch)}`;
  if (batchFault !== undefined) report({ field: '--batch', message: batchFault });
  const fault = output === undefined ? undefined : outputFault(output);
  if (fault !== undefined) report({ field: '--output', message: fault });
  const fields = checkSet(set, report);
  return {
    batch: batchFault === undefined ? batch : undefined,
    output: fault === undefined ? output : undefined,
    set: fields,
    faulty: [...set.keys()].filter((name) => !Object.hasOwn(fields, name)),
    renames: checkColumns(options.columns ?? new Map(), report),
    maxClips: checkMaxClips(options.maxClips, report),
  };
}

function checkSet(set: ReadonlyMap<string, string>, report: (diagnostic: Diagnostic) => void): Fields {
  const fields = Object.create(null) as Fields;
  for (const [name, text] of set) {
    const field = `--set ${name}`;
    if (!settable.includes(name)) {
      const message =
        name === 'matrix'
          ? 'cannot be set for all jobs: write it in the file'
          : Object.hasOwn(headerShape, name)
            ? `is not a field of a job: use --${name.replaceAll('_', '-')}`
            : unknownName('field', name, settable);
      report({ field, message });
      continue;
    }
    const broken: SyntaxDiagnostic[] = [];
    const result = jobShape[name]?.safeParse(plain(cellValue(name, text, START, broken)));
    for (const { message } of broken) report({ field, message });
    if (result?.success) fields[name] = result.data;
    else if (result !== undefined && broken.length === 0) {
      for (const { path, message } of zodIssues(result.error))
        report({ field: `${field}${formatPath(path)}`, message });
    }
  }
  return fields;
}

function checkColumns(
  columns: ReadonlyMap<string, string>,
  report: (diagnostic: Diagnostic) => void,
): ReadonlyMap<string, string> {
  const renames = new Map<string, string>();
  const known = [...Object.keys(jobShape), 'jobs'];
  for (const [field, name] of columns) {
    const meant = known.includes(field) ? undefined : misspelledField(field, known, new Set());
    if (meant !== undefined) report({ field: `--column ${field}=${name}`, message: `did you mean \`${meant}\`?` });
    else if (!isVariableName(field)) {
      report({
        field: `--column ${field}=${name}`,
        message: 'must name a field of a job, or a variable of letters, digits and "_"',
      });
    } else renames.set(name, field);
  }
  return renames;
}

function checkMaxClips(text: string | undefined, report: (diagnostic: Diagnostic) => void): Budget | undefined {
  if (text === undefined) return undefined;
  const result = headerShape['max_clips']?.safeParse(/^\d+$/.test(text) ? Number(text) : text);
  if (result?.success) return budgetOf(result.data);
  report({ field: '--max-clips', message: result?.error.issues[0]?.message ?? 'is wrong' });
  return undefined;
}
