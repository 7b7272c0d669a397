import pLimit from 'p-limit';
import { describeError, InputError, type Diagnostic } from '../core/errors.ts';
import { tooLarge } from '../jobs/image-files.ts';
import { MAX_IMAGE_BYTES } from '../jobs/size-limits.ts';
import { withoutSignatures } from '../core/redact.ts';
import { cleanText } from '../core/text.ts';
import { createSourceOpener, type SourceOpener, type SourceOptions } from '../download/open-source.ts';
import type { JobsFile } from '../jobs/open-jobs-files.ts';

/** Concurrent requests. */
const CONCURRENCY = 16;
/** Time limit of a request, in milliseconds. */
const TIMEOUT_MS = 15_000;

/**
 * Sends a HEAD request for every image URL, once per URL.
 * @param options addresses that may be contacted
 * @throws InputError with every URL that cannot be fetched, is not an image, or is too large
 */
export async function checkUrls(
  files: readonly Pick<JobsFile, 'path' | 'jobs'>[],
  options: SourceOptions,
): Promise<void> {
  const users = new Map<string, Diagnostic>();
  for (const file of files) {
    for await (const job of file.jobs()) {
      if (job.input.mode !== 'image-to-video') continue;
      for (const url of job.input.image_urls ?? []) {
        if (!users.has(url)) users.set(url, { file: file.path, job: job.id, field: 'image_urls', message: url });
      }
    }
  }
  const limit = pLimit(CONCURRENCY);
  const source = createSourceOpener(options);
  const results = await limit.map(users, async ([url, user]) => {
    const fault = await imageFault(source, url);
    return fault === undefined ? undefined : { ...user, message: `${clean(url)} ${fault}` };
  });
  await source.close();
  const problems = results.filter((problem) => problem !== undefined);
  if (problems.length > 0) throw new InputError(problems);
}

/** Returns the fault of an image. Contacts allowed addresses only: the jobs file may be untrusted. */
async function imageFault(source: SourceOpener, url: string): Promise<string | undefined> {
  try {
    const answer = await source.head(url, AbortSignal.timeout(TIMEOUT_MS));
    if (answer.status !== 200) return `answers ${answer.status}`;
    const type = answer.header('content-type') ?? '';
    if (type !== '' && !/^image\/(jpeg|png|webp)/.test(type)) return `is ${clean(type)}, not JPG, PNG or WebP`;
    const bytes = Number(answer.header('content-length') ?? 0);
    return bytes > MAX_IMAGE_BYTES ? tooLarge(bytes) : undefined;
  } catch (error) {
    return `cannot be fetched: ${clean(describeError(error))}`;
  }
}

/** Makes a text of a server safe to print within a line: short, without line breaks and secrets. */
function clean(text: string): string {
  return cleanText(text, 200, withoutSignatures);
}
