import type { LocalImage } from './image-files.ts';
import { z } from 'zod';
import { klingInput } from '../apixo/models/kling-2-6.ts';

const [textToVideo, imageToVideo] = klingInput.options;

const imageToVideoWithFiles = imageToVideo.extend({
  image_urls: imageToVideo.shape.image_urls.optional(),
  image_files: z
    .array(z.string(), { error: 'must be a list of one or two paths' })
    .min(1, 'needs one image at least')
    .max(2, 'takes two images at most')
    .optional(),
});

/**
 * The `input` of an item as the ledger keeps it: the API's, with local images by the names that they
 * have in the storage. URLs of those are made when the API is about to fetch them.
 */
export const itemInput = z.discriminatedUnion('mode', [textToVideo, imageToVideoWithFiles], {
  error: 'must be text-to-video or image-to-video',
});
export type ItemInput = z.output<typeof itemInput>;

export const providers = ['auto', 'value', 'official'] as const;
/** How the API routes a task; `auto` lets it choose. */
export type Provider = (typeof providers)[number];

export type Mode = ItemInput['mode'];

/** A variable's values in a matrix. */
export type MatrixValue = string | number | boolean;

/** One job of a file, or one given to the library. It may become several clips. */
export interface JobInput {
  /**
   * 1 to 128 letters, digits, ".", "_" or "-", beginning with a letter or digit; unique in its batch.
   * Variables of the matrix may stand in it; without one, the values are appended ("run-fox-snow").
   * Default: 12 hexadecimal digits of a hash of the content, the same from run to run.
   */
  id?: string | undefined;
  /** 1 to 1,000 characters after variables are put in. Required, here or in the defaults. */
  prompt?: string | undefined;
  /** Default: text-to-video. */
  mode?: Mode | undefined;
  /** Seconds of video. Default: 5. */
  duration?: 5 | 10 | undefined;
  /** Whether the clip has sound. Default: true. */
  sound?: boolean | undefined;
  /** Text-to-video only. Default: 1:1. */
  aspect_ratio?: '1:1' | '16:9' | '9:16' | undefined;
  /** Image-to-video only: http(s) URLs. One or two images are required there, these and `image_files` together. */
  image_urls?: string[] | undefined;
  /**
   * Image-to-video only: paths of JPG, PNG or WebP files of at most 10 MB, relative to the jobs file or, in
   * the library, to the working folder. They need S3 storage, and come after the URLs.
   */
  image_files?: string[] | undefined;
  /** Default: auto. */
  provider?: Provider | undefined;
  /** A whole number from 0 to 1,000,000; smaller runs sooner. Default: 100. */
  priority?: number | undefined;
  /** How many clips of the same: 1 to 1,000. With more than one, ids end in -1, -2, … Default: 1. */
  copies?: number | undefined;
  /** Variables and their values: a clip for every combination. */
  matrix?: Record<string, MatrixValue[]> | undefined;
  /** Name of the clip, as the `output` of the file; it overrides that. */
  output?: string | undefined;
}

/** Most clips that a batch may ever pay for. `none` removes the budget that the batch has. */
export type Budget = number | 'none';

/** The fields that a file or the library may give once for all jobs. */
export type JobDefaults = Omit<JobInput, 'id' | 'matrix'>;

/** One clip to be made: checked, with every default filled in. */
export interface Job {
  /** Unique in its batch. */
  id: string;
  /** Position among the clips of its file, from 1. */
  index: number;
  provider: Provider;
  /** The `input` of the API request, with local images by their names. */
  input: ItemInput;
  /** The local images in it. */
  images?: readonly LocalImage[];
  /** 0 to 1,000,000; smaller runs sooner. */
  priority: number;
  /** Where the clip goes: a relative, "/"-separated name that never leaves the storage root. */
  output: string;
}

/** The totals of a file. */
export interface Totals {
  clips: number;
  /** Seconds of video of all clips together. */
  videoSeconds: number;
  /** Clips by what decides how long they take; every kind that occurs, in order of appearance. */
  kinds: readonly { mode: Mode; duration: ItemInput['duration']; clips: number }[];
}
