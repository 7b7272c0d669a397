import { z } from 'zod';
import { klingInput } from '../apixo/models/kling-2-6.ts';
import { providers, type Job } from './job.ts';
import type { NameFault } from './compile/header.ts';
import { NAME, NAME_RULE } from './names.ts';
import { nameFacts, outputNameFault, outputNameOf, OUTPUT_PATTERN } from './compile/output-name.ts';
import { braceFault, builtIns, parseTemplate, unknownVariable, variablesPattern } from './template.ts';
import { isFields } from './tree.ts';

/** Lowest priority. Items of equal priority run in order of arrival. */
const MAX_PRIORITY = 1_000_000;

const name = z.string().regex(NAME, NAME_RULE);
/** Without `index`: the position in the batch is unknown until the item is added. */
const variables = builtIns.filter((variable) => variable !== 'index');

/** The data of a job named `generate` that a producer adds to the submit queue. */
const queueJob = z.strictObject({
  batch: name.meta({ description: 'The batch of the item, which is created with its first item.' }),
  id: name.meta({ description: 'Unique in the batch; an existing id adds nothing.' }),
  input: klingInput.meta({ description: 'The `input` of the API request.' }),
  provider: z.enum(providers).default('auto'),
  output: z
    .string()
    .optional()
    .meta({
      allOf: [{ pattern: OUTPUT_PATTERN }, { pattern: variablesPattern(variables) }],
      description: `Name of the clip in the storage, a template: {${variables.join('}, {')}}. {{ and }} are braces. Parts between "/" have at most 250 bytes, the whole name 900. It must not be in the folder of another batch. Default: {batch}/{id}.mp4.`,
    }),
  priority: z
    .int()
    .min(0)
    .max(MAX_PRIORITY)
    .default(100)
    .meta({ description: 'Smaller values run sooner within the batch.' }),
});

export type QueueJobResult =
  | { ok: true; batch: string; job: Omit<Job, 'index'> }
  /** All errors in one line, with batch and id if they are valid. */
  | { ok: false; message: string; batch?: string; id?: string };

const withFiles = z.looseObject({ input: z.looseObject({ image_files: z.unknown() }) });

/**
 * Checks the data of a producer's job.
 * @param nameFault returns why the storage cannot hold a name
 */
export function readQueueJob(data: unknown, nameFault?: NameFault): QueueJobResult {
  if (withFiles.safeParse(data).data?.input.image_files !== undefined) {
    return refused(
      data,
      'input.image_files: paths are not valid on other machines: use image_urls, or submit with the library',
    );
  }
  const result = queueJob.safeParse(data);
  if (!result.success) {
    const issues = result.error.issues.map((issue) => [issue.path.join('.'), issue.message].filter(Boolean).join(': '));
    return refused(data, issues.join('; '));
  }
  const { batch, id, input, provider, output = '{batch}/{id}.mp4', priority } = result.data;
  const template = parseTemplate(output);
  const unknown = braceFault(output) ?? unknownVariable(template, variables);
  if (unknown !== undefined) return refused(data, `output: ${unknown}`);
  const job = {
    id,
    input,
    provider,
    priority,
    output: outputNameOf(template, nameFacts(batch, input, new Date()), { id }),
  };
  const fault = outputNameFault(job.output) ?? nameFault?.(job.output);
  return fault === undefined ? { ok: true, batch, job } : refused(data, `output: ${fault}`);
}

function refused(data: unknown, message: string): QueueJobResult {
  const { batch, id } = isFields(data) ? data : {};
  return { ok: false, message, ...(isName(batch) && { batch }), ...(isName(id) && { id }) };
}

function isName(text: unknown): text is string {
  return typeof text === 'string' && NAME.test(text);
}

/** Returns the JSON Schema (draft 2020-12) of the data of a `generate` job. */
export function queueJobJsonSchema(): object {
  const schema = z.toJSONSchema(queueJob, { target: 'draft-2020-12', io: 'input' });
  return { ...schema, title: 'data of a `generate` job in the submit queue of clipmill' };
}
