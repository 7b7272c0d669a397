import { z } from 'zod';
import { formatCount } from '../core/format.ts';
import { itemInput, providers, type Budget, type JobDefaults, type JobInput, type Mode } from './job.ts';
import { kindOf } from './messages.ts';
import { NAME, NAME_RULE } from './names.ts';

const [textToVideo, imageToVideo] = itemInput.options;

const modes = itemInput.options.flatMap((option) => [...option.shape.mode.values]) satisfies Mode[];

/** The modes that have a field in their input, by field. Fields of clipmill itself are not included. */
export const modesByField: ReadonlyMap<string, readonly Mode[]> = new Map(
  Object.keys({ ...textToVideo.shape, ...imageToVideo.shape }).map((field) => {
    const options = itemInput.options.filter((option) => Object.hasOwn(option.shape, field));
    return [field, options.flatMap((option) => [...option.shape.mode.values])];
  }),
);

const text = z.string({ error: ({ input }) => `must be text, not ${kindOf(input)}: put it in quotes` });

/** A whole number, with one message for every error. */
function whole(min: number, max: number) {
  const error = `must be a whole number from ${formatCount(min)} to ${formatCount(max)}`;
  return z.int({ error }).min(min, { error }).max(max, { error });
}

const BUDGET = 'must be a whole number of at least 1, or `none` to remove the budget';

const matrix = z.record(
  z.string(),
  z
    .array(z.union([z.string(), z.number(), z.boolean()], { error: 'must be text, a number, true or false' }), {
      error: 'must be a list of values',
    })
    .min(1, 'needs at least one value'),
  { error: 'must be a mapping of variables to lists of values' },
);

/**
 * The fields of a job as written. The model checks the length of prompts and the fields of a mode, after defaults and
 * variables are applied.
 */
const shared = {
  prompt: text.optional().meta({
    description:
      'Describes the clip and its sound in 1 to 1,000 characters, without white space at the ends. {name} is a variable of the matrix, {{ and }} are braces.',
  }),
  mode: z
    .enum(modes, { error: `must be ${modes.join(' or ')}` })
    .optional()
    .meta({ description: 'Default: image-to-video with images, text-to-video without.' }),
  duration: textToVideo.shape.duration.unwrap().optional().meta({ description: 'Seconds of video. Default: 5.' }),
  sound: textToVideo.shape.sound.unwrap().optional().meta({ description: 'Default: true.' }),
  aspect_ratio: textToVideo.shape.aspect_ratio
    .unwrap()
    .optional()
    .meta({ description: 'Text-to-video only. Default: 1:1.' }),
  image_urls: imageToVideo.shape.image_urls.meta({
    description:
      'Image-to-video only: one or two images, `image_files` included, as JPG, PNG or WebP of at most 10 MB.',
  }),
  image_files: imageToVideo.shape.image_files.meta({
    description:
      'Image-to-video only: paths of images on this machine, relative to this file. They require S3 storage.',
  }),
  provider: z
    .enum(providers, { error: `must be one of ${providers.join(', ')}` })
    .optional()
    .meta({ description: 'How the API routes the task. Default: auto.' }),
  priority: whole(0, 1_000_000).optional().meta({ description: 'Smaller values run sooner. Default: 100.' }),
  copies: whole(1, 1000).optional().meta({ description: 'Number of clips with the same content. Default: 1.' }),
  output: text.optional().meta({
    description:
      'Name of the clip: {batch}, {id}, {index}, {mode}, {duration}, {aspect_ratio}, {date} and the variables of the matrix.',
  }),
};

export const defaults = z.strictObject(shared) satisfies z.ZodType<JobDefaults>;

export const job = z.strictObject({
  id: text.optional().meta({ description: `Name in the batch; ${NAME_RULE}. Default: a hash of the content.` }),
  ...shared,
  matrix: matrix.optional().meta({ description: 'Variables and their values. Every combination makes a clip.' }),
}) satisfies z.ZodType<JobInput>;

export const header = {
  batch: text.regex(NAME, NAME_RULE).optional().meta({ description: "Name of the batch. Default: the file's name." }),
  output: shared.output,
  max_clips: z
    .union([z.int({ error: BUDGET }).min(1, { error: BUDGET }), z.literal('none')], { error: BUDGET })
    .optional()
    .meta({
      description:
        'Budget: maximum number of clips of this batch that may be paid for. `none` removes the budget of the batch.',
    }),
};

export const jobShape: Readonly<Record<string, z.ZodType>> = job.shape;
/** The fields of a job that differ from job to job. */
export const textShape: Readonly<Record<string, z.ZodType>> = job.pick({ id: true, prompt: true, matrix: true }).shape;
/** All other fields, which most jobs of a file have in common. */
export const settingsShape: Readonly<Record<string, z.ZodType>> = job.omit({
  id: true,
  prompt: true,
  matrix: true,
}).shape;
export const defaultsShape: Readonly<Record<string, z.ZodType>> = defaults.shape;
export const headerShape: Readonly<Record<string, z.ZodType>> = { ...header };
export const headerFields: readonly string[] = [...Object.keys(header), 'defaults'];

const ownFields = new Set(Object.keys(job.shape));

/** Returns whether numbers in a field stay as written, because it is text: `id`, the matrix and variables. */
export function textFields(name: string): boolean {
  return name === 'id' || name === 'matrix' || !ownFields.has(name);
}

/** Returns whether clipmill ignores a field of the header, which may hold the anchors of a YAML file. */
export function isExtension(name: string): boolean {
  return name.startsWith('x-');
}

/** Returns a checked budget, or `undefined` if there is none. */
export function budgetOf(maxClips: unknown): Budget | undefined {
  return typeof maxClips === 'number' || maxClips === 'none' ? maxClips : undefined;
}
