import { z } from 'zod';
import { describeError } from '../../core/errors.ts';
import type { InputStore } from '../../storage/storage.ts';

const stored = z.looseObject({
  image_urls: z.array(z.string()).default([]),
  image_files: z.array(z.string().regex(/^[0-9a-f]{64}\.\w+$/)),
});

/** Maximum validity of a signed URL, in seconds: a week. */
const MAX_VALID_S = 604_800;
/** Additional validity for the difference between clocks, in milliseconds. */
const MARGIN_MS = 600_000;

/** Thrown before the POST if no URLs can be signed for the images of an item. */
class ImageUrlError extends Error {
  override readonly name = 'ImageUrlError';
}

/**
 * Returns the input for the API, with signed URLs of the images in the storage. They are valid until the task ends,
 * because the API may fetch an image repeatedly. They are signed immediately before the POST and never stored: URLs
 * would expire in a long queue, and each grants access to its image.
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
    throw new ImageUrlError('its images are in an S3 storage, but CLIPMILL_STORAGE of this process is a folder');
  const seconds = Math.min(MAX_VALID_S, Math.ceil((taskTimeoutMs + MARGIN_MS) / 1000));
  try {
    const signed = await Promise.all(
      files.map((name) => {
        const [sha256 = '', extension = ''] = name.split('.');
        return inputs.url(sha256, extension, seconds);
      }),
    );
    return { ...rest, image_urls: [...urls, ...signed] };
  } catch (error) {
    throw new ImageUrlError(`no URLs could be signed for its images: ${describeError(error)}`, { cause: error });
  }
}
