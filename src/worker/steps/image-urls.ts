import { z } from 'zod';
import { describeError } from '../../core/errors.ts';
import type { InputStore } from '../../storage/storage.ts';

const stored = z.looseObject({
  image_urls: z.array(z.string()).default([]),
  image_files: z.array(z.string().regex(/^[0-9a-f]{64}\.\w+$/)),
});

/** The longest that a signed URL can last, in seconds: a week. */
const LONGEST_S = 604_800;
/** The API may fetch an image again until its task ends; clocks differ a little. */
const MARGIN_MS = 600_000;

/** Images of an item have no URLs: nothing was posted. */
class ImageUrlError extends Error {
  override readonly name = 'ImageUrlError';
}

/**
 * The input as the API takes it: images that are in the storage get URLs, signed for as long as a task
 * may run. Made just before the POST and kept nowhere: in a long queue URLs would expire, and whoever has
 * one has the image.
 * @throws ImageUrlError
 */
export async function withImageUrls(
  input: object,
  inputs: InputStore | undefined,
  taskTimeoutMs: number,
): Promise<object> {
  if (!('image_files' in input)) return input;
  const { image_files: files, image_urls: urls, ...rest } = stored.parse(input);
  if (!inputs)
    throw new ImageUrlError('its images are in S3 storage, and CLIPMILL_STORAGE of this process is a folder');
  const seconds = Math.min(LONGEST_S, Math.ceil((taskTimeoutMs + MARGIN_MS) / 1000));
  try {
    const signed = await Promise.all(
      files.map((name) => {
        const [sha256 = '', extension = ''] = name.split('.');
        return inputs.url(sha256, extension, seconds);
      }),
    );
    return { ...rest, image_urls: [...urls, ...signed] };
  } catch (error) {
    throw new ImageUrlError(`no URL for its images: ${describeError(error)}`, { cause: error });
  }
}
