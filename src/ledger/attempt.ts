import { z } from 'zod';
import { splitRef } from './schema/keys.ts';

/** One attempt of one item. Jobs, slots and callbacks refer to it. */
export interface Attempt {
  batch: string;
  id: string;
  attempt: number;
  /** The try that got the permit to post: a move that names it is refused when another try has the attempt. */
  tryId?: string;
}

const attemptRows = z.array(z.tuple([z.string(), z.number()]));

/** Parses a JSON list of {ref, attempt}, as the scripts return it. */
export const attemptList = z
  .string()
  .transform((text) => attemptRows.parse(JSON.parse(text)))
  .transform((rows) => rows.map(([ref, attempt]): Attempt => ({ ...splitRef(ref), attempt })));
