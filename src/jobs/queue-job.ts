import { z } from 'zod';
import { klingInput } from '../apixo/models/kling-2-6.ts';
import { providers, type Job } from './job.ts';
import { isName, NAME_RULE } from './names.ts';
import { outputNameFault } from './compile/output-name.ts';

/** A producer cannot know how many items came before its own: equal priorities run in order of arrival. */
const MAX_PRIORITY = 1_000_000;

const name = z.string().refine(isName, NAME_RULE);

/** What any producer puts into the submit queue, as a job named `generate`. */
const queueJob = z.strictObject({
  batch: name.meta({ description: 'The batch the item belongs to; it comes into being with its first item.' }),
  id: name.meta({ description: 'Unique in the batch: the same id again adds nothing.' }),
  input: klingInput.meta({ description: 'The `input` of the API request.' }),
  provider: z.enum(providers).default('auto'),
  output: z
    .string()
    .superRefine((output, context) => {
      const fault = outputNameFault(output);
      if (fault) context.addIssue({ code: 'custom', message: fault });
    })
    .optional()
    .meta({ description: 'Name of the clip in the storage. Default: BATCH/ID.mp4.' }),
  priority: z
    .int()
    .min(0)
    .max(MAX_PRIORITY)
    .default(100)
    .meta({ description: 'Smaller runs sooner within the batch.' }),
});

export type QueueJobResult =
  | { ok: true; batch: string; job: Omit<Job, 'index'> }
  /** All that is wrong with it, one line. */
  | { ok: false; message: string };

const withFiles = z.looseObject({ input: z.looseObject({ image_files: z.unknown() }) });

/** Checks the data of a producer's job. */
export function readQueueJob(data: unknown): QueueJobResult {
  if (withFiles.safeParse(data).data?.input.image_files !== undefined) {
    return {
      ok: false,
      message:
        'input.image_files: a path means nothing on another machine: give image_urls, or submit with the library',
    };
  }
  const result = queueJob.safeParse(data);
  if (!result.success) {
    const issues = result.error.issues.map((issue) => [issue.path.join('.'), issue.message].filter(Boolean).join(': '));
    return { ok: false, message: issues.join('; ') };
  }
  const { batch, id, input, provider, output, priority } = result.data;
  return { ok: true, batch, job: { id, input, provider, priority, output: output ?? `${batch}/${id}.mp4` } };
}

/** JSON Schema (draft 2020-12) of the data of a `generate` job. */
export function queueJobJsonSchema(): object {
  const schema = z.toJSONSchema(queueJob, { target: 'draft-2020-12', io: 'input' });
  return { ...schema, title: 'data of a `generate` job in the submit queue of clipmill' };
}
