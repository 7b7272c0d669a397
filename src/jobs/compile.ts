import { nearest } from '../nearest.ts';
import { MAX_CLIPS_PER_JOB } from './limits.ts';
import type { Batch } from './header.ts';
import type { MatrixValue, Mode, Provider } from './job.ts';
import { checkMatrix, combinationCount, type Matrix } from './matrix.ts';
import { jobShape, takers } from './schema.ts';
import { checkShape } from './shape.ts';
import { builtIns, parseTemplate, unknownVariable, type Template } from './template.ts';
import type { Fields, Report } from './tree.ts';
import { counted, shown } from './wording.ts';

const fieldNames = Object.keys(jobShape);

/** A job with its defaults in, ready to be expanded. */
export interface Recipe {
  id: Template | undefined;
  prompt: Template | undefined;
  /** The rest of the API's input; `undefined` when the mode is not known, so that nothing can be said of it. */
  input: Fields | undefined;
  matrix: Matrix;
  provider: Provider;
  priority: number;
  copies: number;
  output: Template;
  /** Fields whose mistakes were told; nothing more is said of them. */
  told: ReadonlySet<string>;
}

/** Checks what can be checked without expanding, and reports all that is wrong. */
export function compileJob(raw: Fields, batch: Batch, report: Report): Recipe {
  const told = new Set<string>();
  const tell: Report = (issue) => {
    told.add(String(issue.path[0]));
    report(issue);
  };
  const own = checkShape(raw, jobShape, tell);
  if (own['matrix'] !== undefined) checkMatrix(raw['matrix'], tell);
  const matrix = told.has('matrix') ? {} : ((own['matrix'] ?? {}) as Record<string, MatrixValue[]>);

  const fields: Fields = { ...batch.defaults, ...own };
  // That a field is missing is no news to who misspelt it.
  for (const name of Object.keys(raw)) if (!Object.hasOwn(jobShape, name)) told.add(nearest(name, fieldNames) ?? name);
  for (const name of batch.faulty) if (raw[name] === undefined) told.add(name);
  const mode = told.has('mode') ? undefined : ((fields['mode'] ?? 'text-to-video') as Mode);
  const input = mode === undefined ? undefined : inputOf(mode, fields, own, tell);

  const recipe: Recipe = {
    id: templateOf(own['id']),
    prompt: templateOf(fields['prompt']),
    input,
    matrix,
    provider: (fields['provider'] ?? 'auto') as Provider,
    priority: Number(fields['priority'] ?? 100),
    copies: Number(fields['copies'] ?? 1),
    output: templateOf(fields['output']) ?? batch.output,
    told,
  };
  if (!told.has('matrix')) checkVariables(recipe, tell);
  checkImages(fields['image_urls'], matrix, tell);
  const clips = combinationCount(matrix) * recipe.copies;
  if (clips > MAX_CLIPS_PER_JOB) {
    const path = [own['matrix'] === undefined ? 'copies' : 'matrix'];
    tell({
      path,
      message: `makes ${counted(clips, 'clip')} of one job, ${MAX_CLIPS_PER_JOB.toLocaleString('en')} at most`,
    });
  }
  return recipe;
}

/** The input that the mode takes. What it does not take is left out when inherited, and a mistake in the job. */
function inputOf(mode: Mode, fields: Fields, own: Fields, tell: Report): Fields {
  const input: Fields = { mode };
  for (const [name, value] of Object.entries(fields)) {
    const modes = takers.get(name);
    if (modes?.includes(mode)) {
      if (name !== 'prompt') input[name] = value;
    } else if (modes !== undefined && own[name] !== undefined) {
      tell({ path: [name], at: 'key', message: `is for ${modes.join(' or ')} only, and the mode is ${mode}` });
    }
  }
  return input;
}

function templateOf(text: unknown): Template | undefined {
  return typeof text === 'string' ? parseTemplate(text) : undefined;
}

function checkVariables(recipe: Recipe, tell: Report): void {
  const variables = Object.keys(recipe.matrix);
  const checks = [
    ['id', recipe.id, variables],
    ['prompt', recipe.prompt, variables],
    ['output', recipe.output, [...builtIns, ...variables]],
  ] as const;
  for (const [name, template, known] of checks) {
    if (template === undefined || recipe.told.has(name)) continue;
    const message = unknownVariable(template, known);
    if (message !== undefined) tell({ path: [name], message });
  }
}

/** A variable in a URL would be sent to the API as it is written. */
function checkImages(urls: unknown, matrix: Matrix, tell: Report): void {
  if (!Array.isArray(urls)) return;
  for (const [position, url] of urls.entries()) {
    const name = Object.keys(matrix).find((variable) => String(url).includes(`{${variable}}`));
    if (name === undefined) continue;
    tell({ path: ['image_urls', position], message: `variables such as ${shown(`{${name}}`)} do not work in URLs` });
  }
}
