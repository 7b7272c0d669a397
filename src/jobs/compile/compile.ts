import { itemInput, type MatrixValue } from '../job.ts';
import { MAX_CLIPS_PER_JOB } from '../size-limits.ts';
import { textShape } from '../schema.ts';
import { builtIns, parseTemplate, render, unknownVariable, type Template } from '../template.ts';
import type { FieldDiagnostic, Fields, Report } from '../tree.ts';
import { quote } from '../messages.ts';
import { formatCount, plural } from '../../core/format.ts';
import type { Batch } from './header.ts';
import { checkMatrix, combinationCount, type Combination, type Matrix } from './matrix.ts';
import { compileSettings, sameSettings, type Settings } from './job-settings.ts';
import { checkTemplate, checkFields, zodIssues } from './check-fields.ts';
import { variablesOf } from './variables.ts';

/** A job with its defaults, ready to be expanded. */
export interface CompiledJob {
  id: Template | undefined;
  prompt: Template | undefined;
  settings: Settings;
  matrix: Matrix;
  /** Variables besides the matrix: fields and columns that clipmill does not define. */
  variables: ReadonlyMap<string, string>;
  /** Fields whose errors were reported; no further errors of these fields are. */
  faulty: ReadonlySet<string>;
}

const promptSchema = itemInput.options[0].shape.prompt;

/** Compiles the jobs of one batch. Reuses the settings of the previous job if they are the same. */
export class JobCompiler {
  readonly batch: Batch;
  #last: { raw: Fields; settings: Settings } | undefined;

  constructor(batch: Batch) {
    this.batch = batch;
  }

  /** Checks everything that can be checked before the expansion, and reports all errors. */
  compile(raw: Fields, report: Report): CompiledJob {
    const { batch } = this;
    const { defaults, set } = batch;
    const faulty = new Set<string>();
    const reportOnce = (issue: FieldDiagnostic): void => {
      faulty.add(String(issue.path[0]));
      if (issue.meant !== undefined) faulty.add(issue.meant);
      report(issue);
    };
    const variables = variablesOf(raw, batch, reportOnce);
    const own = checkFields(raw, textShape, reportOnce, [], 'skip');
    checkTemplate('id', own, reportOnce);
    checkTemplate('prompt', own, reportOnce);
    if (own['matrix'] !== undefined) checkMatrix(raw['matrix'], reportOnce);
    const matrix = faulty.has('matrix') ? {} : ((own['matrix'] ?? {}) as Record<string, MatrixValue[]>);
    const settings = this.#settings(raw, faulty, reportOnce);
    for (const name of batch.faulty) if (raw[name] === undefined) faulty.add(name);
    const job: CompiledJob = {
      id: templateOf(set['id'] ?? own['id']),
      prompt: templateOf(set['prompt'] ?? own['prompt'] ?? defaults['prompt']),
      settings,
      matrix,
      variables,
      faulty,
    };
    if (!faulty.has('matrix')) checkVariables(job, reportOnce);
    checkClipCount(job, reportOnce);
    return job;
  }

  #settings(raw: Fields, faulty: Set<string>, report: Report): Settings {
    if (faulty.size === 0 && this.#last !== undefined && sameSettings(raw, this.#last.raw)) return this.#last.settings;
    const before = faulty.size;
    const known = new Set(faulty);
    for (const name of this.batch.faulty) if (raw[name] === undefined) known.add(name);
    const settings = compileSettings(raw, this.batch, known, (issue) => {
      known.add(String(issue.path[0]));
      report(issue);
    });
    this.#last = before === 0 && faulty.size === 0 ? { raw, settings } : undefined;
    return settings;
  }
}

/** Returns the prompt of one combination, or `undefined` if it is invalid. */
export function promptOf({ prompt, variables, faulty }: CompiledJob, values: Combination, report: Report) {
  if (prompt === undefined) {
    if (!faulty.has('prompt')) report({ path: ['prompt'], message: 'is required' });
    return undefined;
  }
  const result = promptSchema.safeParse(render(prompt, (name) => values.get(name) ?? variables.get(name)));
  if (result.success) return result.data;
  if (faulty.has('prompt')) return undefined;
  for (const issue of zodIssues(result.error)) report({ ...issue, path: ['prompt'] });
  return undefined;
}

function templateOf(text: unknown): Template | undefined {
  return typeof text === 'string' ? parseTemplate(text) : undefined;
}

function checkVariables({ id, prompt, settings, matrix, variables, faulty }: CompiledJob, report: Report): void {
  const isVariable = (name: string): boolean => Object.hasOwn(matrix, name) || variables.has(name);
  const check = (field: string, template: Template | undefined, more: readonly string[]): void => {
    if (template === undefined || faulty.has(field)) return;
    if (template.every((part) => typeof part === 'string' || more.includes(part.name) || isVariable(part.name))) return;
    const message = unknownVariable(template, [...more, ...Object.keys(matrix), ...variables.keys()]);
    if (message !== undefined) report({ path: [field], message });
  };
  check('id', id, []);
  check('prompt', prompt, []);
  check('output', settings.output, builtIns);
  const names = Object.keys(matrix);
  if (names.length === 0) return;
  for (const [field, places] of Object.entries(settings.places)) checkImages(field, places, names, report);
}

/** Reports matrix variables in URLs and paths, where they are not replaced. */
function checkImages(field: string, places: unknown, names: readonly string[], report: Report): void {
  if (!Array.isArray(places)) return;
  for (const [position, place] of places.entries()) {
    const name = names.find((variable) => String(place).includes(`{${variable}}`));
    if (name === undefined) continue;
    const where = field === 'image_urls' ? 'URLs' : 'paths';
    report({ path: [field, position], message: `variables such as ${quote(`{${name}}`)} do not work in ${where}` });
  }
}

function checkClipCount({ matrix, settings }: CompiledJob, report: Report): void {
  const clips = combinationCount(matrix) * settings.copies;
  if (clips <= MAX_CLIPS_PER_JOB) return;
  const most = formatCount(MAX_CLIPS_PER_JOB);
  const path = [Object.keys(matrix).length === 0 ? 'copies' : 'matrix'];
  report({ path, message: `makes ${plural(clips, 'clip')} from one job; at most ${most} are allowed` });
}
