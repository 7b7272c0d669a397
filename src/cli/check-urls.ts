import pLimit from 'p-limit';
import { request } from 'undici';
import { describeError, InputError, type Diagnostic } from '../core/errors.ts';
import { MAX_IMAGE_BYTES } from '../jobs/limits.ts';
import type { JobsFile } from '../jobs/open.ts';

const AT_ONCE = 16;
const TIMEOUT_MS = 15_000;

/**
 * Asks for every image once, however many jobs use it.
 * @throws InputError with every image that is not there, is no image, or is too large
 */
export async function checkUrls(files: readonly JobsFile[]): Promise<void> {
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
  const wrong = await limit.map(users, async ([url, user]) => {
    const fault = await imageFault(url);
    return fault === undefined ? undefined : { ...user, message: `${url} ${fault}` };
  });
  const problems = wrong.filter((problem) => problem !== undefined);
  if (problems.length > 0) throw new InputError(problems);
}

async function imageFault(url: string): Promise<string | undefined> {
  try {
    const answer = await request(url, { method: 'HEAD', signal: AbortSignal.timeout(TIMEOUT_MS) });
    answer.body.on('error', () => {}).destroy();
    if (answer.statusCode !== 200) return `answers ${answer.statusCode}`;
    const type = String(answer.headers['content-type'] ?? '');
    if (type !== '' && !/^image\/(jpeg|png|webp)/.test(type)) return `is ${type}, not JPG, PNG or WebP`;
    const bytes = Number(answer.headers['content-length'] ?? 0);
    return bytes > MAX_IMAGE_BYTES ? `has ${(bytes / 1024 / 1024).toFixed(1)} MB, 10 MB at most` : undefined;
  } catch (error) {
    return `cannot be fetched: ${describeError(error)}`;
  }
}
