import { z } from 'zod';
import { klingInput } from '../apixo/models/kling-2-6.ts';
import type { LocalImage } from './image-files.ts';

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
 * The `input` of an item in the ledger: that of the API, plus local images by their names in the storage. Their URLs are
 * signed when the task is submitted.
 */
export const itemInput = z.discriminatedUnion('mode', [textToVideo, imageToVideoWithFiles], {
  error: 'must be text-to-video or image-to-video',
});
export type ItemInput = z.output<typeof itemInput>;

export const providers = ['auto', 'value', 'official'] as const;
/** How the API routes a task; `auto` lets it choose. */
export type Provider = (typeof providers)[number];

export type Mode = ItemInput['mode'];

/** A value of a variable in a matrix. */
export type MatrixValue = string | number | boolean;

/** One job of a file, or one given to the library. It may become several clips. */
export interface JobInput {
  /**
   * 1 to 128 letters, digits, ".", "_" or "-", beginning with a letter or digit; unique in its batch.
   * It may contain variables of the matrix; otherwise the values are appended ("run-fox-snow").
   * Default: 12 hexadecimal digits of a hash of the content, the same from run to run.
   */
  id?: string | undefined;
  /** 1 to 1,000 characters after variables are replaced. Required, here or in the defaults. */
  prompt?: string | undefined;
  /** Default: text-to-video. */
  mode?: Mode | undefined;
  /** Seconds of video. Default: 5. */
  duration?: 5 | 10 | undefined;
  /** Whether the clip has sound. Default: true. */
  sound?: boolean | undefined;
  /** Text-to-video only. Default: 1:1. */
  aspect_ratio?: '1:1' | '16:9' | '9:16' | undefined;
  /** Image-to-video only: http(s) URLs. That mode requires one or two images, `image_files` included. */
  image_urls?: string[] | undefined;
  /**
   * Image-to-video only: paths of JPG, PNG or WebP files of at most 10 MB, relative to the jobs file or, in
   * the library, to the working folder. They require S3 storage, and follow the URLs.
   */
  image_files?: string[] | undefined;
  /** Default: auto. */
  provider?: Provider | undefined;
  /** 0 to 1,000,000; smaller values run sooner. Default: 100. */
  priority?: number | undefined;
  /** Number of clips with the same content: 1 to 1,000. The ids of further ones end in -2, -3, … Default: 1. */
  copies?: number | undefined;
  /** Variables and their values. Every combination makes a clip. */
  matrix?: Record<string, MatrixValue[]> | undefined;
  /** Template of the name of the clip; overrides the `output` of the file. */
  output?: string | undefined;
}

/** Maximum number of clips that a batch may pay for. `none` removes the budget of the batch. */
export type Budget = number | 'none';

/** Fields that apply to all jobs of a file or a call. */
export type JobDefaults = Omit<JobInput, 'id' | 'matrix'>;

/** One clip to make: checked, with all defaults. */
export interface Job {
  /** Unique in its batch. */
  id: string;
  /** Position among the clips of its file, from 1. */
  index: number;
  provider: Provider;
  /** The `input` of the API request, with local images by their names in the storage. */
  input: ItemInput;
  /** The local images in it. */
  images?: readonly LocalImage[];
  /** 0 to 1,000,000; smaller values run sooner. */
  priority: number;
  /** Name of the clip in the storage: relative, separated by "/", and never outside the storage root. */
  output: string;
}

/** The totals of a file. */
export interface Totals {
  clips: number;
  /** Seconds of video of all clips. */
  videoSeconds: number;
  /** Clips by mode and duration, which determine the generation time; in order of appearance. */
  kinds: readonly { mode: Mode; duration: ItemInput['duration']; clips: number }[];
}
