import { z } from 'zod';

/**
 * The shapes of answers. What the page documents is required only where clipmill needs it; fields
 * that other pages lack may be absent or null, and unknown ones are ignored.
 */

/** Every answer, good or bad. `code` repeats the HTTP status, or contradicts it: both are looked at. */
export const envelope = z.object({
  code: z.coerce.number().int(),
  message: z.string().nullish(),
  data: z.unknown().optional(),
});

export const createdData = z.object({ taskId: z.string().min(1) });

export const statusData = z.object({
  state: z.string(),
  resultJson: z.string().nullish(),
  failCode: z.string().nullish(),
  failMsg: z.string().nullish(),
  /** Unix milliseconds. */
  createTime: z.number().nullish(),
  /** Unix milliseconds. */
  completeTime: z.number().nullish(),
});

export const resultData = z.object({ resultUrls: z.array(z.url({ protocol: /^https?$/ })) });

/** US dollars left on this key. */
export const balanceData = z.number();

/** What a status answer says, in clipmill's terms. Times are Unix milliseconds of the API's clock. */
export type TaskReport =
  | { state: 'running'; said: string }
  | { state: 'success'; urls: string[]; generationMs: number | undefined }
  | { state: 'failed'; failCode: string; failMsg: string };

/** States that mean "ask again"; any other that is no end is treated alike, and reported once. */
export const runningStates: ReadonlySet<string> = new Set(['pending', 'processing']);

/** The failCode given to a success that names no URL: there is nothing to store, so it is no success. */
export const NO_RESULT_URL = 'NO_RESULT_URL';

export function readTaskReport(data: z.output<typeof statusData>): TaskReport {
  if (data.state === 'failed') {
    return { state: 'failed', failCode: data.failCode || 'UNKNOWN', failMsg: data.failMsg ?? '' };
  }
  if (data.state !== 'success') return { state: 'running', said: data.state };
  const urls = readResultUrls(data.resultJson);
  if (urls.length === 0) {
    return { state: 'failed', failCode: NO_RESULT_URL, failMsg: 'the task succeeded without a result URL' };
  }
  const took = data.createTime && data.completeTime ? data.completeTime - data.createTime : undefined;
  return { state: 'success', urls, generationMs: took !== undefined && took > 0 ? took : undefined };
}

function readResultUrls(resultJson: string | null | undefined): string[] {
  try {
    const parsed = resultData.safeParse(JSON.parse(resultJson ?? ''));
    return parsed.success ? parsed.data.resultUrls : [];
  } catch {
    return [];
  }
}
