import type { LocalImage } from '../image-files.ts';
import { itemInput, type ItemInput, type Mode, type Provider } from '../job.ts';
import { modesByField, settingsShape } from '../schema.ts';
import { parseTemplate, type Template } from '../template.ts';
import type { Fields, Report } from '../tree.ts';
import { quote } from '../messages.ts';
import { TOO_MANY_IMAGES, type Batch } from './header.ts';
import { contentIds } from './identity.ts';
import { nameFacts, type NameFacts } from './output-name.ts';
import { checkTemplate, checkFields, zodIssues } from './check-fields.ts';

/** The checked fields of a job except its texts, with defaults. Most jobs of a file have the same settings. */
export interface Settings {
  /** The input of the API with a placeholder as prompt; `undefined` if it is invalid. */
  input: ItemInput | undefined;
  /** Images as written. */
  places: { readonly image_urls: unknown; readonly image_files: unknown };
  /** The local images of the input. */
  images: readonly LocalImage[];
  provider: Provider;
  priority: number;
  copies: number;
  output: Template;
  /** Values of the variables of a name that come from the settings. */
  nameFacts: NameFacts | undefined;
  /** Returns the id of a clip from its prompt; `undefined` if an error leaves the content unknown. */
  contentId: ((prompt: string) => string) | undefined;
}

/** Fields that determine the content of a clip, except its prompt. */
const contentNames = ['provider', ...modesByField.keys()].filter((name) => name !== 'prompt');
const settingNames = Object.keys(settingsShape);
/** Placeholder of the prompt while the rest of the input is checked. */
const ANY_PROMPT = '-';

/** Returns whether two jobs have the same settings. Lists count as different. */
export function sameSettings(a: Fields, b: Fields): boolean {
  return settingNames.every((name) => a[name] === b[name]);
}

/**
 * Checks the settings of a job and applies the defaults.
 * @param faulty fields whose errors were reported, so that no further ones are; `report` adds to them
 */
export function compileSettings(raw: Fields, batch: Batch, faulty: ReadonlySet<string>, report: Report): Settings {
  const own = checkFields(raw, settingsShape, report, [], 'skip');
  checkTemplate('output', own, report);
  const { set } = batch;
  const given = Object.keys(set).length === 0 ? own : { ...withoutImages(own, set), ...set };
  const fields: Fields = { ...withoutImages(batch.defaults, given), ...given };
  const mode = faulty.has('mode') ? undefined : ((fields['mode'] ?? modeOf(fields, raw)) as Mode);
  const draft = mode === undefined ? undefined : draftInput(mode, fields, own, report);
  const images = mode === 'image-to-video' ? imagesOf(fields, own, batch, report) : [];
  if (draft !== undefined && images.length > 0) draft['image_files'] = images.map((image) => image.name);
  if (mode === 'image-to-video') checkImageCount(fields, faulty, report);
  const input = draft && checkInput(draft, faulty, report);
  const provider = (fields['provider'] ?? 'auto') as Provider;
  return {
    input,
    places: { image_urls: fields['image_urls'], image_files: fields['image_files'] },
    images,
    provider,
    priority: Number(fields['priority'] ?? 100),
    copies: Number(fields['copies'] ?? 1),
    output: typeof fields['output'] === 'string' ? parseTemplate(fields['output']) : batch.output,
    nameFacts: input && nameFacts(batch.name, input, batch.now),
    contentId: input && !contentNames.some((name) => faulty.has(name)) ? contentIds(input, provider) : undefined,
  };
}

/** Returns the fields of the mode. A field of another mode is dropped if it is a default, and an error in a job. */
function draftInput(mode: Mode, fields: Fields, own: Fields, report: Report): Fields {
  const input: Fields = { mode };
  for (const [name, value] of Object.entries(fields)) {
    const modes = modesByField.get(name);
    if (modes?.includes(mode)) input[name] = value;
    else if (modes !== undefined && own[name] === value) {
      const message = `is for ${modes.join(' or ')} only, and the mode is ${mode}`;
      report({ path: [name], at: 'key', message });
    }
  }
  return input;
}

function checkInput(draft: Fields, faulty: ReadonlySet<string>, report: Report): ItemInput | undefined {
  const result = itemInput.safeParse({ ...draft, prompt: ANY_PROMPT });
  if (result.success) return result.data;
  for (const issue of zodIssues(result.error)) if (!faulty.has(String(issue.path[0]))) report(issue);
  return undefined;
}

/** Returns fields without their images if the others have images: those of a job replace all default images. */
function withoutImages(fields: Fields, others: Fields): Fields {
  if (others['image_urls'] === undefined && others['image_files'] === undefined) return fields;
  const { image_urls: _urls, image_files: _files, ...rest } = fields;
  return rest;
}

/** Returns the mode of a job that has none: image-to-video if it has images, otherwise text-to-video. */
function modeOf(fields: Fields, raw: Fields): Mode {
  const images = ['image_urls', 'image_files'].some((name) => (fields[name] ?? raw[name] ?? undefined) !== undefined);
  return images ? 'image-to-video' : 'text-to-video';
}

/** Returns the local images of a job. Errors in default images were reported in the header. */
function imagesOf(fields: Fields, own: Fields, batch: Batch, report: Report): LocalImage[] {
  const images: LocalImage[] = [];
  for (const [position, path] of ((fields['image_files'] ?? []) as string[]).entries()) {
    const image = batch.images.get(path);
    if (typeof image !== 'string') images.push(image);
    else if (own['image_files'] !== undefined) {
      report({ path: ['image_files', position], message: `${quote(path)}: ${image}` });
    }
  }
  return images;
}

function checkImageCount(fields: Fields, faulty: ReadonlySet<string>, report: Report): void {
  if (faulty.has('image_urls') || faulty.has('image_files')) return;
  const [urls, files] = ['image_urls', 'image_files'].map((name) => ((fields[name] ?? []) as string[]).length);
  const all = (urls ?? 0) + (files ?? 0);
  if (all === 0) {
    const message = 'is required for image-to-video: a list of one or two URLs, or `image_files`';
    report({ path: ['image_urls'], message });
  } else if (all > 2) report({ path: ['image_files'], message: TOO_MANY_IMAGES });
}
