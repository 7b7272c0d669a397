import type { ImageFiles } from '../image-files.ts';
import { itemInput, type Budget } from '../job.ts';
import { budgetOf, defaultsShape, headerFields, headerShape, isExtension, jobShape } from '../schema.ts';
import { nearest } from '../../core/did-you-mean.ts';
import { outputFault } from './output-name.ts';
import { lengthFault, parseTemplate, render, variablesOf, type Template } from '../template.ts';
import { isFields, type Fields, type Report } from '../tree.ts';
import { checkFields } from './check-fields.ts';
import { kindOf, quote, truncate, unknownName } from '../messages.ts';

export const TOO_MANY_IMAGES = 'takes two images at most, those of image_urls included';

const [textToVideo] = itemInput.options;
const DEFAULT_OUTPUT = '{batch}/{id}.mp4';

/** Returns the fault in a name, or `undefined`. */
export type NameFault = (output: string) => string | undefined;

/** The compiled header of a file, which applies to all its jobs. */
export interface Batch {
  name: string;
  output: Template;
  maxClips: Budget | undefined;
  defaults: Fields;
  /** Fields whose errors were reported in the header, and are not reported for each job. */
  faulty: ReadonlySet<string>;
  /** Fields of all jobs that override those of the file. */
  set: Fields;
  /** Handling of unknown fields: variables, refused with a hint to --variables, or refused without one. */
  extraFields: 'variables' | 'refuse' | 'unknown';
  /** Fields that are variables in every job. */
  columns: ReadonlySet<string>;
  nameFault: NameFault | undefined;
  /** The local images of the jobs. */
  images: ImageFiles;
  /** The time of `{date}`, which is in UTC. */
  now: Date;
}

export interface HeaderContext {
  /** Name of the batch if the header has none. */
  name: string;
  /** Values that override the header. */
  override?: { batch?: string | undefined; output?: string | undefined; maxClips?: Budget | undefined } | undefined;
  /** Checked fields of all jobs that override those of the file. */
  set?: Fields | undefined;
  /** Handling of unknown fields. Default: `unknown`. */
  extraFields?: Batch['extraFields'] | undefined;
  /** Fields that are variables in every job. */
  columns?: readonly string[] | undefined;
  /** Fields whose errors were reported already. */
  faulty?: readonly string[] | undefined;
  /** Returns why the storage cannot hold a name. Default: any name is accepted. */
  nameFault?: NameFault | undefined;
  now: Date;
  /** The local images; those of the defaults must be read already. */
  images: ImageFiles;
}

/** Checks a header and applies its defaults. An invalid value is reported and replaced by the default. */
export function compileHeader(raw: Fields, context: HeaderContext, report: Report): Batch {
  const own = Object.create(null) as Fields;
  // The keys of a file of prompts by name are the names.
  const byName = Object.keys(raw).every((name) => !Object.hasOwn(headerShape, name) && name !== 'defaults');
  let defaultsMisspelled = false;
  const known = [...headerFields, 'jobs'];
  for (const [name, value] of Object.entries(raw)) {
    if (Object.hasOwn(headerShape, name)) own[name] = value;
    else if (name !== 'defaults' && !isExtension(name)) {
      report({ path: [name], at: 'key', ...unknownField(name, value, known, byName) });
      defaultsMisspelled ||= nearest(name, known) === 'defaults';
    }
  }
  const valid = checkFields(own, headerShape, report);
  const { defaults, faulty } = defaultsMisspelled
    ? noDefaults()
    : compileDefaults(raw['defaults'], context.images, report);
  return {
    name: context.override?.batch ?? (typeof valid['batch'] === 'string' ? valid['batch'] : context.name),
    output: compileOutput(context.override?.output, valid['output'], report),
    maxClips: context.override?.maxClips ?? budgetOf(valid['max_clips']),
    defaults,
    faulty: new Set([...faulty, ...(context.faulty ?? [])]),
    set: context.set ?? {},
    extraFields: context.extraFields ?? 'unknown',
    columns: new Set(context.columns),
    nameFault: context.nameFault,
    images: context.images,
    now: context.now,
  };
}

/** A jq filter: an object of prompts, or of jobs, by name becomes a list of jobs. */
const LIST_OF_PROMPTS = 'to_entries[] | {id: .key} + (.value | objects // {prompt: .})';

/** Returns the error of an unknown field, with the most likely intention. */
function unknownField(
  name: string,
  value: unknown,
  known: readonly string[],
  byName: boolean,
): { message: string; once?: string } {
  const unknown = unknownName('field', name, known);
  if (Object.hasOwn(jobShape, name)) {
    const message = `\`${name}\` belongs to a job: write \`- ${name}: …\` below \`jobs:\`, or put it into \`defaults:\` for all jobs`;
    return { message };
  }
  if (nearest(name, known) !== undefined) return { message: unknown };
  if (Array.isArray(value)) {
    return { message: `${unknown}; for a list of jobs with this name, use --column jobs=${name}` };
  }
  const text = typeof value === 'string';
  if (byName && (text || (isFields(value) && Object.hasOwn(value, 'prompt')))) {
    const message =
      `${unknown}; prompts by name are written as a list, \`- {id: ${truncate(name)}, prompt: …}\` below \`jobs:\` ` +
      `(of JSON, jq -c '${LIST_OF_PROMPTS}' makes JSON lines)`;
    return { message, once: 'prompts by name' };
  }
  return { message: `${unknown}; a field whose name begins with x- is ignored` };
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
  const defaults = checkFields(
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
  const refuse = (name: string, message: string): void => {
    report({ path: ['defaults', name], message });
    faulty.add(name);
    delete defaults[name];
  };
  const given = ['image_urls', 'image_files'].flatMap((name) => (defaults[name] ?? []) as string[]);
  if (given.length > 2) refuse('image_files', TOO_MANY_IMAGES);
  for (const name of ['prompt', 'output']) {
    const text = defaults[name];
    if (typeof text !== 'string') continue;
    const fault = lengthFault(text) ?? (name === 'prompt' ? promptFault(text) : outputFault(text));
    if (fault !== undefined) refuse(name, fault);
  }
  return { defaults, faulty };
}

/** Returns the fault in the default prompt. A prompt with variables is checked in each job. */
function promptFault(text: string): string | undefined {
  const template = parseTemplate(text);
  if (variablesOf(template).length > 0) return undefined;
  return textToVideo.shape.prompt.safeParse(render(template, () => '')).error?.issues[0]?.message;
}

/** Returns the defaults of an unreadable field: none, and errors of all fields count as reported. */
function noDefaults(): Pick<Batch, 'defaults' | 'faulty'> {
  return { defaults: {}, faulty: new Set(Object.keys(defaultsShape)) };
}

/** @param given checked template that overrides the header */
function compileOutput(given: string | undefined, text: unknown, report: Report): Template {
  if (given !== undefined) return parseTemplate(given);
  if (typeof text === 'string') {
    const fault = outputFault(text);
    if (fault === undefined) return parseTemplate(text);
    report({ path: ['output'], message: fault });
  }
  return parseTemplate(DEFAULT_OUTPUT);
}
