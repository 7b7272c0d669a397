import type { z } from 'zod';

/**
 * One model of the provider. All models share the endpoints and the shape of answers; each has a file under `models/`
 * with the differences.
 */
export interface Model<Input extends object = object> {
  /** Its name in the paths: `/generateTask/{id}` and `/statusTask/{id}`. */
  id: string;
  /** The `input` of a request, with defaults filled in; refuses unknown fields. */
  input: z.ZodType<Input>;
  /** Seconds of video that this input asks for. */
  videoSeconds(input: Input): number;
  /** The longest documented time of any task, in milliseconds. */
  longestMs: number;
  /** How long a finished task can be polled and its result downloaded, in milliseconds. */
  resultsLastMs: number;
  /** The documented time from submission to the end of a clip of this length, in milliseconds. */
  generationMs(videoSeconds: number): { min: number; max: number };
  /** The documented time of the first poll, in milliseconds after submission. */
  pollDelayMs: number;
}

/** Returns the kind of a task, `MODEL/SECONDS/PROVIDER`, which determines how long it takes. */
export function kindOf(model: Pick<Model, 'id'>, videoSeconds: number, provider: string): string {
  return `${model.id}/${videoSeconds}/${provider}`;
}

/** Returns the seconds of video of a kind. */
export function secondsOf(kind: string): number {
  return Number(kind.split('/')[1]);
}
