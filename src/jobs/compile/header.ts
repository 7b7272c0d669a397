import type { ImageFiles } from '../image-files.ts';
import { defaultsShape, headerFields, headerShape, isExtension } from '../schema.ts';
import { nearest } from '../../core/did-you-mean.ts';
import { outputNameFault } from './output-name.ts';
import { parseTemplate, render, type Template } from './template.ts';
import { isFields, type Fields, type Report } from '../tree.ts';
import { checkShape } from './shape.ts';
import { kindOf, quote, unknownName } from '../wording.ts';

const DEFAULT_OUTPUT = '{batch}/{id}.mp4';

/** What holds for all jobs of a file. */
export interface Batch {
  name: string;
  output: Template;
  maxClips: number | undefined;
  defaults: Fields;
  /** Defaults that are wrong: told once at the header, not again for every job that inherits them. */
  faulty: ReadonlySet<string>;
  /** The local images that the jobs name. */
  images: ImageFiles;
  /** The day of `{date}`, YYYY-MM-DD in UTC. */
  date: string;
}

export interface HeaderContext {
  /** The name of the batch when the header has none. */
  name: string;
  /** Takes the place of the header's name. */
  override?: string | undefined;
  now: Date;
  /** Those that the defaults name are read already. */
  images: ImageFiles;
}

/** Checks a header and fills in what it leaves out. What is wrong is reported and replaced by its default. */
export function compileHeader(raw: Fields, context: HeaderContext, report: Report): Batch {
  const own = Object.create(null) as Fields;
  let misspelt = false;
  for (const [name, value] of Object.entries(raw)) {
    if (Object.hasOwn(headerShape, name)) own[name] = value;
    else if (name !== 'defaults' && !isExtension(name)) {
      const known = [...headerFields, 'jobs'];
      report({ path: [name], at: 'key', message: unknownName('field', name, known) });
      misspelt ||= nearest(name, known) === 'defaults';
    }
  }
  const sound = checkShape(own, headerShape, report);
  const { defaults, faulty } = misspelt ? noDefaults() : compileDefaults(raw['defaults'], context.images, report);
  return {
    name: context.override ?? (typeof sound['batch'] === 'string' ? sound['batch'] : context.name),
    output: compileOutput(sound['output'], report),
    maxClips: typeof sound['max_clips'] === 'number' ? sound['max_clips'] : undefined,
    defaults,
    faulty,
    images: context.images,
    date: context.now.toISOString().slice(0, 10),
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
  const output = defaults['output'];
  if (typeof output === 'string') {
    const fault = staticFault(parseTemplate(output));
    if (fault !== undefined) {
      report({ path: ['defaults', 'output'], message: fault });
      faulty.add('output');
      delete defaults['output'];
    }
  }
  return { defaults, faulty };
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
