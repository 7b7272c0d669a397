import { z } from 'zod';
import { moreFiles } from './item.ts';
import { endStates, itemStates } from './schema/states.ts';

const at = z.number().meta({ description: 'Unix ms by the clock of Redis' });

const itemEvent = z
  .object({
    type: z.literal('item'),
    batch: z.string(),
    id: z.string(),
    state: z.enum(endStates),
    at,
    attempt: z.number().optional(),
    task: z.string().optional().meta({ description: "the API's taskId" }),
    location: z.string().optional().meta({ description: 'where the clip is' }),
    storedAs: z
      .string()
      .optional()
      .meta({ description: 'name of the clip in the storage, when its output name could not be used' }),
    storedAsReason: z.string().optional().meta({ description: 'why its output name could not be used' }),
    size: z.number().optional().meta({ description: 'bytes' }),
    sha256: z.string().optional(),
    more: moreFiles.optional().meta({ description: 'further files, when the task made several' }),
    adopted: z.literal(true).optional().meta({ description: 'the clip of an earlier run was found in the storage' }),
    code: z.string().optional().meta({ description: 'why it failed or is held' }),
    message: z.string().optional(),
  })
  .meta({ description: 'An item has ended. It may end again after a retry.' });

const batchEvent = z
  .object({
    type: z.literal('batch'),
    batch: z.string(),
    at,
    counts: z.record(z.enum(['total', ...itemStates]), z.number()),
  })
  .meta({ description: 'All items of a batch have ended. A batch ends again after a retry or new items.' });

const rejectedEvent = z
  .object({
    type: z.literal('rejected'),
    job: z.string().meta({ description: "the producer's job id" }),
    batch: z.string().optional().meta({ description: 'of the item, where it can be read' }),
    id: z.string().optional().meta({ description: 'of the item, where it can be read' }),
    at,
    message: z.string().meta({ description: 'all mistakes in the job' }),
  })
  .meta({ description: 'A job in the submit queue was rejected.' });

const changedEvent = z
  .object({
    type: z.literal('changed'),
    job: z.string().meta({ description: "the producer's job id" }),
    batch: z.string(),
    id: z.string(),
    at,
  })
  .meta({ description: 'A job has other content than the existing item of its id: the item stays unchanged.' });

/** The field `data` of an entry in the stream of completions; the field `type` repeats its type. */
export const streamEvent = z.discriminatedUnion('type', [itemEvent, batchEvent, rejectedEvent, changedEvent]);
export type StreamEvent = z.output<typeof streamEvent>;

/** JSON Schema (draft 2020-12) of the JSON in the field `data` of an event. */
export function eventJsonSchema(): object {
  return { ...z.toJSONSchema(streamEvent, { target: 'draft-2020-12' }), title: 'an entry of the events of clipmill' };
}
