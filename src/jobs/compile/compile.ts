import { likelyPrompt } from '../fields.ts';
import { nearest } from '../../core/did-you-mean.ts';
import type { LocalImage } from '../image-files.ts';
import { MAX_CLIPS_PER_JOB } from '../limits.ts';
import { TOO_MANY_IMAGES, type Batch } from './header.ts';
import type { MatrixValue, Mode, Provider } from '../job.ts';
import { checkMatrix, combinationCount, type Matrix } from './matrix.ts';
import { jobShape, takers } from '../schema.ts';
import { checkShape } from './shape.ts';
import { builtIns, lengthFault, parseTemplate, unknownVariable, type Template } from '../template.ts';
import { variablesOf } from './variables.ts';
import type { Fields, Report } from '../tree.ts';
import { counted, quote } from '../wording.ts';

const fieldNames = Object.keys(jobShape);

/** A job with its defaults in, ready to be expanded. */
export interface CompiledJob {
  id: Template | undefined;
  prompt: Template | undefined;
  /** The rest of the API's input; `undefined` when the mode is not known, so that nothing can be said of it. */
  input: Fields | undefined;
  /** The local images in the input. */
  images: readonly LocalImage[];
  matrix: Matrix;
  /** What else may stand in braces: fields and columns that clipmill does not know. */
  variables: ReadonlyMap<string, string>;
  provider: Provider;
  priority: number;
  copies: number;
  output: Template;
  /** Fields whose mistakes were told; nothing more is said of them. */
  told: ReadonlySet<string>;
}

/** Checks what can be checked without expanding, and reports all that is wrong. */
export function compileJob(raw: Fields, batch: Batch, report: Report): CompiledJob {
  const told = new Set<string>();
  const tell: Report = (issue) => {
    told.add(String(issue.path[0]));
    report(issue);
  };
  const variables = variablesOf(raw, batch, tell);
  const own = checkShape(raw, jobShape, tell, [], 'skip');
  checkLengths(own, tell);
  if (own['matrix'] !== undefined) checkMatrix(raw['matrix'], tell);
  const matrix = told.has('matrix') ? {} : ((own['matrix'] ?? {}) as Record<string, MatrixValue[]>);

  const { set } = batch;
  const asked = Object.keys(set).length === 0 ? own : { ...withoutImages(own, set), ...set };
  const fields: Fields = { ...withoutImages(batch.defaults, asked), ...asked };
  // That a field is missing is no news to who misspelt it.
  for (const name of Object.keys(raw)) if (!Object.hasOwn(jobShape, name)) told.add(nearest(name, fieldNames) ?? name);
  if (batch.extraFields === 'refuse' && likelyPrompt(Object.keys(raw)) !== undefined) told.add('prompt');
  for (const name of batch.faulty) if (raw[name] === undefined) told.add(name);
  const mode = told.has('mode') ? undefined : ((fields['mode'] ?? modeOf(fields, raw)) as Mode);
  const input = mode === undefined ? undefined : inputOf(mode, fields, own, tell);
  const images = mode === 'image-to-video' ? imagesOf(fields, own, batch, tell) : [];
  if (input !== undefined && images.length > 0) input['image_files'] = images.map((image) => image.name);
  if (mode === 'image-to-video') checkImageCount(fields, told, tell);

  const recipe: CompiledJob = {
    id: templateOf(fields['id']),
    prompt: templateOf(fields['prompt']),
    input,
    images,
    matrix,
    variables,
    provider: (fields['provider'] ?? 'auto') as Provider,
    priority: Number(fields['priority'] ?? 100),
    copies: Number(fields['copies'] ?? 1),
    output: templateOf(fields['output']) ?? batch.output,
    told,
  };
  if (!told.has('matrix')) checkVariables(recipe, tell);
  for (const name of ['image_urls', 'image_files']) checkImages(name, fields[name], matrix, tell);
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
    } else if (modes !== undefined && own[name] === value) {
      const message = `is for ${modes.join(' or ')} only, and the mode is ${mode}`;
      tell({ path: [name], at: 'key', message });
    }
  }
  return input;
}

function templateOf(text: unknown): Template | undefined {
  return typeof text === 'string' ? parseTemplate(text) : undefined;
}

function checkVariables(recipe: CompiledJob, tell: Report): void {
  const variables = [...Object.keys(recipe.matrix), ...recipe.variables.keys()];
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

/** A variable in a URL would be sent to the API as it is written; paths are read before values are put in. */
function checkImages(field: string, places: unknown, matrix: Matrix, tell: Report): void {
  if (!Array.isArray(places)) return;
  for (const [position, place] of places.entries()) {
    const name = Object.keys(matrix).find((variable) => String(place).includes(`{${variable}}`));
    if (name === undefined) continue;
    const where = field === 'image_urls' ? 'URLs' : 'paths';
    tell({ path: [field, position], message: `variables such as ${quote(`{${name}}`)} do not work in ${where}` });
  }
}

/** The fields without their images, where there are others: a job with images of its own has no more, whichever way they come. */
function withoutImages(fields: Fields, others: Fields): Fields {
  if (others['image_urls'] === undefined && others['image_files'] === undefined) return fields;
  const { image_urls: _urls, image_files: _files, ...rest } = fields;
  return rest;
}

/** The mode of a job that does not name one follows from whether it has images. */
function modeOf(fields: Fields, raw: Fields): Mode {
  const images = ['image_urls', 'image_files'].some((name) => (fields[name] ?? raw[name] ?? undefined) !== undefined);
  return images ? 'image-to-video' : 'text-to-video';
}

function checkLengths(own: Fields, tell: Report): void {
  for (const name of ['id', 'prompt', 'output']) {
    const text = own[name];
    const message = typeof text === 'string' ? lengthFault(text) : undefined;
    if (message === undefined) continue;
    tell({ path: [name], message });
    delete own[name];
  }
}

/** The local images that a job names. Mistakes in inherited ones were told at the header. */
function imagesOf(fields: Fields, own: Fields, batch: Batch, tell: Report): LocalImage[] {
  const images: LocalImage[] = [];
  for (const [position, path] of ((fields['image_files'] ?? []) as string[]).entries()) {
    const image = batch.images.get(path);
    if (typeof image !== 'string') images.push(image);
    else if (own['image_files'] !== undefined) {
      tell({ path: ['image_files', position], message: `${quote(path)}: ${image}` });
    }
  }
  return images;
}

function checkImageCount(fields: Fields, told: ReadonlySet<string>, tell: Report): void {
  if (told.has('image_urls') || told.has('image_files')) return;
  const [urls, files] = ['image_urls', 'image_files'].map((name) => ((fields[name] ?? []) as string[]).length);
  const all = (urls ?? 0) + (files ?? 0);
  if (all === 0) {
    const message = 'is required for image-to-video: a list of one or two URLs, or `image_files`';
    tell({ path: ['image_urls'], message });
  } else if (all > 2) tell({ path: ['image_files'], message: TOO_MANY_IMAGES });
}
