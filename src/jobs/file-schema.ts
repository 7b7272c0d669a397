import { z } from 'zod';
import { OUTPUT_PATTERN } from './compile/output-name.ts';
import type { Mode } from './job.ts';
import { MAX_CLIPS_PER_FILE, MAX_TEMPLATE } from './size-limits.ts';
import { NAME } from './names.ts';
import { defaults, header, job } from './schema.ts';
import { builtIns, LITERAL_PATTERN, NAME_TEMPLATE_PATTERN, variablesPattern } from './template.ts';

type Schema = Record<string, unknown>;

/** A prompt without variables: 1 to 1,000 characters, where a doubled brace counts as one. */
const PROMPT_PATTERN = `^\\s*(?!\\s)${LITERAL_PATTERN}(?:${LITERAL_PATTERN}{0,998}(?!\\s)${LITERAL_PATTERN})?\\s*$`;
const VARIABLE = '\\{[A-Za-z_]\\w*\\}';
const HAS_VARIABLE = `^${LITERAL_PATTERN}*${VARIABLE}`;
const ID_TEMPLATE = `^(?:[A-Za-z0-9]|${VARIABLE})(?:[A-Za-z0-9._-]|${VARIABLE})*$`;

const plainPrompt = { type: 'string', maxLength: MAX_TEMPLATE, pattern: PROMPT_PATTERN };

/** The condition that an object has a field. */
const has = (name: string, value?: string): Schema => ({
  type: 'object',
  required: [name],
  ...(value !== undefined && { properties: { [name]: { const: value } } }),
});
const hasImages: Schema = { anyOf: [has('image_urls'), has('image_files')] };
const not = (schema: Schema): Schema => ({ not: schema });
/** A rule that applies if a condition holds. */
const when = (condition: Schema, rule: Schema): Schema => ({ if: not(condition), else: rule });
const never = (...conditions: Schema[]): Schema => not({ allOf: conditions });

/** At most two images in both fields. */
const imageCount = when(
  { allOf: [has('image_urls'), has('image_files')] },
  { properties: { image_urls: { maxItems: 1 }, image_files: { maxItems: 1 } } },
);

/**
 * Returns the JSON Schema (draft 2020-12) of a jobs file, for editors. It has every rule that can be checked without
 * expanding the jobs. Only `clipmill validate` checks that variables exist, texts with their values, numbers of clips,
 * the uniqueness of ids, contents and names, lengths in bytes, and image files.
 */
export function jobsFileJsonSchema(): object {
  const item = { anyOf: [{ ...plainPrompt, description: 'The prompt of a job.' }, jobSchema()] };
  const jobs = { description: 'The jobs.', type: 'array', minItems: 1, maxItems: MAX_CLIPS_PER_FILE, items: item };
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'clipmill jobs file',
    anyOf: [
      { ...jobs, items: { allOf: [item, { required: ['prompt'] }, ...modeRules(undefined, false)] } },
      {
        type: 'object',
        properties: { ...headerSchema(), jobs },
        required: ['jobs'],
        additionalProperties: false,
        patternProperties: { '^x-': {} },
        allOf: [
          when(not(inDefaults(has('prompt'))), eachJob({ required: ['prompt'] })),
          ...([undefined, 'text-to-video', 'image-to-video'] as const).flatMap((mode) =>
            [false, true].map((images) =>
              when(
                { allOf: [defaultMode(mode), images ? inDefaults(hasImages) : not(inDefaults(hasImages))] },
                eachJob(...modeRules(mode, images)),
              ),
            ),
          ),
        ],
      },
    ],
  };
}

const inDefaults = (condition: Schema): Schema => ({ ...has('defaults'), properties: { defaults: condition } });
const eachJob = (...rules: Schema[]): Schema => ({ properties: { jobs: { items: { allOf: rules } } } });

function defaultMode(mode: Mode | undefined): Schema {
  return mode === undefined ? not(inDefaults(has('mode'))) : inDefaults(has('mode', mode));
}

/** Returns the rules of the mode of a job, which depends on its fields and on the defaults. */
function modeRules(mode: Mode | undefined, images: boolean): Schema[] {
  const modeless = not(has('mode'));
  const toVideo = { text: [has('mode', 'text-to-video')], image: [has('mode', 'image-to-video')] };
  if (mode === 'text-to-video') toVideo.text.push(modeless);
  else if (mode === 'image-to-video' || images) toVideo.image.push(modeless);
  else toVideo.image.push({ allOf: [modeless, hasImages] });
  return [
    ...toVideo.text.map((condition) => never(condition, hasImages)),
    ...toVideo.image.map((condition) => never(condition, has('aspect_ratio'))),
    ...(images ? [] : toVideo.image.map((condition) => never(condition, not(hasImages)))),
  ];
}

function jobSchema(): Schema {
  const { properties, ...rest } = jsonSchemaOf(job);
  const id = { ...properties['id'], type: ['string', 'number', 'boolean'], minimum: 0, maximum: 1e20 };
  return {
    ...rest,
    properties: {
      ...properties,
      id,
      prompt: { ...properties['prompt'], maxLength: MAX_TEMPLATE },
      matrix: {
        ...properties['matrix'],
        minProperties: 1,
        propertyNames: { pattern: '^[A-Za-z_]\\w*$', not: { enum: [...builtIns, '__proto__'] } },
      },
      output: output(properties),
    },
    allOf: [
      imageCount,
      when(has('matrix'), {
        properties: { id: { maxLength: MAX_TEMPLATE, pattern: ID_TEMPLATE }, prompt: { pattern: '\\S' } },
      }),
      when(not(has('matrix')), {
        properties: {
          id: { pattern: NAME.source },
          prompt: plainPrompt,
          output: { pattern: variablesPattern(builtIns) },
        },
      }),
    ],
  };
}

function headerSchema(): Record<string, Schema> {
  const { properties } = jsonSchemaOf(z.strictObject({ ...header, defaults: defaults.optional() }));
  const { properties: fields, ...rest } = jsonSchemaOf(defaults);
  const prompt = {
    ...fields['prompt'],
    maxLength: MAX_TEMPLATE,
    anyOf: [{ pattern: PROMPT_PATTERN }, { pattern: HAS_VARIABLE }],
  };
  return {
    ...properties,
    output: output(properties),
    defaults: {
      description: 'Any job field but id and matrix, for jobs that do not have it.',
      anyOf: [
        { ...rest, properties: { ...fields, prompt, output: output(fields) }, allOf: [imageCount] },
        { type: 'null' },
      ],
    },
  };
}

function output(properties: Record<string, Schema>): Schema {
  return {
    ...properties['output'],
    maxLength: MAX_TEMPLATE,
    pattern: OUTPUT_PATTERN,
    allOf: [{ pattern: NAME_TEMPLATE_PATTERN }],
  };
}

const objectSchema = z.looseObject({ properties: z.record(z.string(), z.record(z.string(), z.unknown())) });

function jsonSchemaOf(shape: z.ZodType): z.output<typeof objectSchema> {
  const { $schema: _, ...schema } = z.toJSONSchema(shape, { target: 'draft-2020-12', io: 'input' });
  return objectSchema.parse(schema);
}
