import { createHash } from 'node:crypto';
import pLimit from 'p-limit';
import type { Config } from '../config/config.ts';
import { InputError, UserError } from '../core/errors.ts';
import type { Job } from '../jobs/job.ts';
import { openImage, type LocalImage } from '../jobs/image-files.ts';
import { MAX_IMAGE_BYTES } from '../jobs/size-limits.ts';
import type { InputStore } from '../storage/storage.ts';

/** Images in memory at a time, of at most 10 MB each. */
const AT_ONCE = 4;

/**
 * Checks that the API will be able to fetch local images, before anything is sent.
 * @throws UserError if there are such images and the storage has no URLs
 */
export function requireImageStore(files: readonly { path: string; imageFiles: number }[], config: Config): void {
  const file = files.find(({ imageFiles }) => imageFiles > 0);
  if (file && config.storage.kind === 'file') throw noImageStore(`${file.path}: `);
}

function noImageStore(where = ''): UserError {
  return new UserError(`${where}image_files need S3 storage, from which the API can fetch them`, {
    cure: 'Set CLIPMILL_STORAGE=s3://BUCKET/PREFIX (and S3_ENDPOINT where it is not AWS), or use image_urls with public URLs.',
  });
}

/** Uploads the local images of jobs to where the API can fetch them, each image once. */
export type UploadImages = (jobs: readonly Job[]) => Promise<void>;

/**
 * Creates an uploader.
 * @param inputs returns the store for images; called only if there are images
 * @returns a function that throws InputError if an image has changed since it was checked, StorageError if the upload
 * fails, and UserError if there is no such store
 */
export function imageUploads(inputs: () => InputStore | undefined): UploadImages {
  const uploaded = new Set<string>();
  const limit = pLimit(AT_ONCE);
  return async (jobs) => {
    const wanted = new Map<string, { image: LocalImage; job: string }>();
    for (const { id, images = [] } of jobs) {
      for (const image of images) if (!uploaded.has(image.name)) wanted.set(image.name, { image, job: id });
    }
    if (wanted.size === 0) return;
    const store = inputs();
    if (!store) throw noImageStore();
    await limit.map(wanted.values(), async ({ image, job }) => {
      const bytes = await readImage(image.path).catch(() => undefined);
      if (!bytes || createHash('sha256').update(bytes).digest('hex') !== image.sha256) {
        throw new InputError([
          { job, field: 'image_files', message: `${image.path} has changed since it was checked` },
        ]);
      }
      await store.put(image.sha256, image.extension, image.contentType, bytes);
      uploaded.add(image.name);
    });
  };
}

/** Reads an image. @returns `undefined` if it is no longer a regular file of at most 10 MB */
async function readImage(path: string): Promise<Buffer | undefined> {
  const file = await openImage(path);
  try {
    const found = await file.stat();
    return found.isFile() && found.size <= MAX_IMAGE_BYTES ? await file.readFile() : undefined;
  } finally {
    await file.close();
  }
}
