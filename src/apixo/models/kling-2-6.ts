import { z } from 'zod';
import type { Model } from '../model.ts';

/** Longest prompt in characters, according to newer pages of the provider. */
const MAX_PROMPT = 1000;

const aspectRatios = ['1:1', '16:9', '9:16'] as const;

/** Counts code points, so that an emoji is one character. */
function characters(text: string): number {
  return Array.from(text).length;
}

/** The rules of a prompt as a pattern, for the JSON Schemas: a prompt is trimmed before it is sent. */
const PROMPT_PATTERN = `^\\s*\\S(?:[^]{0,${MAX_PROMPT - 2}}\\S)?\\s*$`;

const IPV4 = '(?:(?:25[0-5]|2[0-4]\\d|1?\\d?\\d)\\.){3}(?:25[0-5]|2[0-4]\\d|1?\\d?\\d)';
const HOST = '(?:[\\p{L}\\p{N}_-]+\\.)*\\p{L}[\\p{L}\\p{N}_-]*\\.?';
/** A http(s) URL with a host and without white space: `new URL` accepts far more, and repairs it silently. */
const IMAGE_URL = new RegExp(
  `^[Hh][Tt][Tt][Pp][Ss]?://(?:${HOST}|${IPV4}|\\[[\\dA-Fa-f:.]+\\])(?::\\d{1,5})?(?:[/?#]\\S*)?$`,
  'u',
);
/** Longest URL of an image, in characters. */
const MAX_URL = 2_000;

const common = {
  prompt: z
    .string()
    .trim()
    .min(1, 'must not be empty')
    .refine((prompt) => characters(prompt) <= MAX_PROMPT, {
      error: ({ input }) => `has ${characters(String(input))} characters, ${MAX_PROMPT} at most`,
    })
    .meta({ pattern: PROMPT_PATTERN, description: `1 to ${MAX_PROMPT} characters between white space at its ends.` }),
  duration: z.union([z.literal(5), z.literal(10)], { error: 'must be 5 or 10' }).default(5),
  sound: z.boolean({ error: 'must be true or false' }).default(true),
};

const textToVideo = z.strictObject({
  mode: z.literal('text-to-video'),
  ...common,
  aspect_ratio: z.enum(aspectRatios, { error: `must be one of ${aspectRatios.join(', ')}` }).default('1:1'),
});

const imageUrl = z
  .string({ error: 'must be a http(s) URL' })
  .regex(IMAGE_URL, 'must be a http(s) URL')
  .refine((url) => characters(url) <= MAX_URL, `must have ${MAX_URL} characters at most`)
  .meta({ maxLength: MAX_URL });

const imageToVideo = z.strictObject({
  mode: z.literal('image-to-video'),
  ...common,
  image_urls: z
    .array(imageUrl, { error: 'must be a list of one or two URLs' })
    .min(1, 'needs one image at least')
    .max(2, 'takes two images at most'),
});

/** The `input` of a Kling 2.6 request, every field written out (`sound` is required on newer pages). */
export const klingInput = z.discriminatedUnion('mode', [textToVideo, imageToVideo], {
  error: 'must be text-to-video or image-to-video',
});
export type KlingInput = z.output<typeof klingInput>;

export const kling26 = {
  id: 'kling-2-6',
  input: klingInput,
  videoSeconds: (input: Pick<KlingInput, 'duration'>) => input.duration,
  longestMs: 100_000,
  resultsLastMs: 15 * 86_400_000,
  generationMs: (videoSeconds: number) =>
    videoSeconds <= 5 ? { min: 50_000, max: 70_000 } : { min: 80_000, max: 100_000 },
  pollDelayMs: 50_000,
} satisfies Model<KlingInput>;
