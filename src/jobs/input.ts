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
