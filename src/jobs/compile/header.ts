import type { ImageFiles } from '../image-files.ts';
import { defaultsShape, headerFields, headerShape, isExtension } from '../schema.ts';
import { nearest } from '../../core/did-you-mean.ts';
import { outputNameFault } from './output-name.ts';
import { lengthFault, parseTemplate, render, variablesOf, type Template } from '../template.ts';
import { isFields, type Fields, type Report } from '../tree.ts';
import { checkShape } from './shape.ts';
import { itemInput } from '../input.ts';
import { kindOf, quote, unknownName } from '../wording.ts';

export const TOO_MANY_IMAGES = 'takes two images at most, those of image_urls included';

const [textToVideo] = itemInput.options;
const DEFAULT_OUTPUT = '{batch}/{id}.mp4';

/** Returns what is wrong with a name, or `undefined`. */
export type NameFault = (output: string) => string | undefined;

/** What holds for all jobs of a file. */
export interface Batch {
  name: string;
  output: Template;
  maxClips: number | undefined;
  defaults: Fields;
  /** Defaults that are wrong: told once at the header, not again for every job that inherits them. */
  faulty: ReadonlySet<string>;
  /** Fields that hold for all jobs, whatever they say. */
  set: Fields;
  extraFields: 'variables' | 'refuse' | 'unknown';
  /** Names of fields that are variables in every job. */
  columns: ReadonlySet<string>;
  nameFault: NameFault | undefined;
  /** The local images that the jobs name. */
  images: ImageFiles;
  /** The time of `{date}`, which is in UTC. */
  now: Date;
}

export interface HeaderContext {
  /** The name of the batch when the header has none. */
  name: string;
  /** Take the place of what the header says. */
  override?: { batch?: string | undefined; output?: string | undefined; maxClips?: number | undefined } | undefined;
  /** Fields that hold for all jobs, whatever they say. Checked. */
  set?: Fields | undefined;
  /** What becomes of fields that are unknown. Default: refused, with no option named that takes them. */
  extraFields?: Batch['extraFields'] | undefined;
  /** Names of fields that are variables in every job. */
  columns?: readonly string[] | undefined;
  /** What the storage cannot take as a name, in addition to what no storage can. */
  nameFault?: NameFault | undefined;
  now: Date;
  /** Those that the defaults name are read already. */
  images: ImageFiles;
}

/** Checks a header and fills in what it leaves out. What is wrong is reported and replaced by its default. */
export function compileHeader(raw: Fields, context: HeaderContext, report: Report): Batch {
  const own = Object.create(null) as Fields;
  let misspelt = false;
  const known = [...headerFields, 'jobs'];
  for (const [name, value] of Object.entries(raw)) {
    if (Object.hasOwn(headerShape, name)) own[name] = value;
    else if (name !== 'defaults' && !isExtension(name)) {
      const list = Array.isArray(value) && nearest(name, known) === undefined;
      const cure = list ? `; a list of jobs of this name is read with --column jobs=${name}` : '';
      report({ path: [name], at: 'key', message: unknownName('field', name, known) + cure });
      misspelt ||= nearest(name, known) === 'defaults';
    }
  }
  const sound = checkShape(own, headerShape, report);
  const { defaults, faulty } = misspelt ? noDefaults() : compileDefaults(raw['defaults'], context.images, report);
  return {
    name: context.override?.batch ?? (typeof sound['batch'] === 'string' ? sound['batch'] : context.name),
    output: compileOutput(context.override?.output ?? sound['output'], report),
    maxClips: context.override?.maxClips ?? (typeof sound['max_clips'] === 'number' ? sound['max_clips'] : undefined),
    defaults,
    faulty,
    set: context.set ?? {},
    extraFields: context.extraFields ?? 'unknown',
    columns: new Set(context.columns),
    nameFault: context.nameFault,
    images: context.images,
    now: context.now,
  };
}

function compileDefaults(raw: unknown, images: ImageFiles, report: Report): Pick<Batch, 'defaults' | 'faulty'> {
  const faulty = new Set<string>();
  if (raw === undefined || raw === null) return { defaults: {}, faulty };
  if (!isFields(raw)) {
    report({ path: ['defaults'], message: `must be a mapping of job fields, not ${kindOf(raw)}` });
    return noDefaults();
  }
  const rest = Object.create(null) as Fields;
  for (const [name, value] of Object.entries(raw)) {
    if (name === 'id' || name === 'matrix') {
      const message = 'cannot be a default: it belongs to a single job';
      report({ path: ['defaults', name], at: 'key', message });
    } else rest[name] = value;
  }
  const defaults = checkShape(
    rest,
    defaultsShape,
    (issue) => {
      faulty.add(String(issue.path[1]));
      report(issue);
    },
    ['defaults'],
  );
  for (const [position, path] of ((defaults['image_files'] ?? []) as string[]).entries()) {
    const image = images.get(path);
    if (typeof image !== 'string') continue;
    report({ path: ['defaults', 'image_files', position], message: `${quote(path)}: ${image}` });
    faulty.add('image_files');
  }
  const wrong = (name: string, message: string): void => {
    report({ path: ['defaults', name], message });
    faulty.add(name);
    delete defaults[name];
  };
  const given = ['image_urls', 'image_files'].flatMap((name) => (defaults[name] ?? []) as string[]);
  if (given.length > 2) wrong('image_files', TOO_MANY_IMAGES);
  for (const name of ['prompt', 'output']) {
    const text = defaults[name];
    if (typeof text !== 'string') continue;
    const fault = lengthFault(text) ?? (name === 'prompt' ? promptFault(text) : staticFault(parseTemplate(text)));
    if (fault !== undefined) wrong(name, fault);
  }
  return { defaults, faulty };
}

/** What is wrong with the prompt of all jobs; with variables in it, each job is asked. */
function promptFault(text: string): string | undefined {
  const template = parseTemplate(text);
  if (variablesOf(template).length > 0) return undefined;
  return textToVideo.shape.prompt.safeParse(render(template, () => '')).error?.issues[0]?.message;
}

/** When there are defaults, but what they are is not known. */
function noDefaults(): Pick<Batch, 'defaults' | 'faulty'> {
  return { defaults: {}, faulty: new Set(Object.keys(defaultsShape)) };
}

function compileOutput(text: unknown, report: Report): Template {
  if (typeof text === 'string') {
    const template = parseTemplate(text);
    const fault = staticFault(template);
    if (fault === undefined) return template;
    report({ path: ['output'], message: fault });
  }
  return parseTemplate(DEFAULT_OUTPUT);
}

/** What would be wrong with every name that a template gives, whatever its variables are. */
function staticFault(template: Template): string | undefined {
  return outputNameFault(render(template, () => 'x'));
}
