import { z } from 'zod';
import type { Model } from '../model.ts';

/** Longest prompt in characters, as newer pages of the provider have it. */
const MAX_PROMPT = 1000;

const aspectRatios = ['1:1', '16:9', '9:16'] as const;

/** Code points, so that an emoji counts as one character. */
function characters(text: string): number {
  return Array.from(text).length;
}

const common = {
  prompt: z
    .string()
    .refine((prompt) => prompt.trim().length > 0, 'must not be empty')
    .refine((prompt) => characters(prompt) <= MAX_PROMPT, {
      error: ({ input }) => `has ${characters(String(input))} characters, ${MAX_PROMPT} at most`,
    }),
  duration: z.union([z.literal(5), z.literal(10)], { error: 'must be 5 or 10' }).default(5),
  sound: z.boolean({ error: 'must be true or false' }).default(true),
};

const textToVideo = z.strictObject({
  mode: z.literal('text-to-video'),
  ...common,
  aspect_ratio: z.enum(aspectRatios, { error: `must be one of ${aspectRatios.join(', ')}` }).default('1:1'),
});

const imageUrl = z.url({ protocol: /^https?$/, error: 'must be a http(s) URL' });

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
