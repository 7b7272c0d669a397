import pLimit from 'p-limit';
import { describeError, InputError, type Diagnostic } from '../core/errors.ts';
import { MAX_IMAGE_BYTES } from '../jobs/limits.ts';
import { withoutSignatures } from '../core/redact.ts';
import { cleanText } from '../core/text.ts';
import { createSourceOpener, type SourceOpener, type SourceOptions } from '../download/open.ts';
import type { JobsFile } from '../jobs/open.ts';

const AT_ONCE = 16;
const TIMEOUT_MS = 15_000;

/**
 * Requests the head of every image once, however many jobs use it.
 * @param options which addresses are asked
 * @throws InputError with every image that is not there, is no image, or is too large
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
  const limit = pLimit(AT_ONCE);
  const source = createSourceOpener(options);
  const wrong = await limit.map(users, async ([url, user]) => {
    const fault = await imageFault(source, url);
    return fault === undefined ? undefined : { ...user, message: `${clean(url)} ${fault}` };
  });
  await source.close();
  const problems = wrong.filter((problem) => problem !== undefined);
  if (problems.length > 0) throw new InputError(problems);
}

/** Only the head is fetched, from public addresses: a jobs file may be a stranger's. */
async function imageFault(source: SourceOpener, url: string): Promise<string | undefined> {
  try {
    const answer = await source.head(url, AbortSignal.timeout(TIMEOUT_MS));
    if (answer.status !== 200) return `answers ${answer.status}`;
    const type = answer.header('content-type') ?? '';
    if (type !== '' && !/^image\/(jpeg|png|webp)/.test(type)) return `is ${clean(type)}, not JPG, PNG or WebP`;
    const bytes = Number(answer.header('content-length') ?? 0);
    return bytes > MAX_IMAGE_BYTES ? `has ${(bytes / 1024 / 1024).toFixed(1)} MB, 10 MB at most` : undefined;
  } catch (error) {
    return `cannot be fetched: ${clean(describeError(error))}`;
  }
}

/** A text of a server as a part of a line: on it, short, and without rights. */
function clean(text: string): string {
  return cleanText(text, 200, withoutSignatures);
}
