import { SourceError } from './errors.ts';

/**
 * Bytes a second that a body brings at least, over every window in which it is waited for: a hundredth of the
 * pace of a slow line that sixteen downloads share. So a clip of n bytes has n / 4,096 seconds at most.
 */
const LEAST_PACE = 4_096;
const WINDOW_MS = 30_000;

export interface Bounds {
  /** Bytes at most. */
  maxBytes: number;
  /** Milliseconds of a monotonic clock. Default: `performance.now`. */
  now?: () => number;
  /** Called with the number of bytes of each piece as it arrives. */
  onBytes?: ((bytes: number) => void) | undefined;
}

/**
 * Passes a body on while it stays within its bounds. Only the time that is spent waiting for the source counts: a
 * slow storage is no fault of the source.
 * @throws SourceError `slow` or `too-large`
 */
export async function* bounded(
  body: AsyncIterable<Uint8Array>,
  { maxBytes, now = () => performance.now(), onBytes }: Bounds,
): AsyncGenerator<Uint8Array> {
  const pieces = body[Symbol.asyncIterator]();
  let total = 0;
  let inWindow = 0;
  let waitedMs = 0;
  try {
    for (;;) {
      const asked = now();
      const { done, value } = await pieces.next();
      waitedMs += now() - asked;
      if (done === true) return;
      total += value.length;
      inWindow += value.length;
      onBytes?.(value.length);
      if (total > maxBytes) throw tooLarge(`more than ${maxBytes}`, maxBytes);
      if (waitedMs >= WINDOW_MS) {
        if (inWindow < (LEAST_PACE * waitedMs) / 1_000) throw tooSlow(inWindow, waitedMs);
        inWindow = 0;
        waitedMs = 0;
      }
      yield value;
    }
  } finally {
    await pieces.return?.();
  }
}

export function tooLarge(bytes: number | string, maxBytes: number): SourceError {
  return new SourceError('too-large', `it has ${bytes} bytes, and CLIPMILL_MAX_CLIP_BYTES is ${maxBytes}`);
}

function tooSlow(bytes: number, ms: number): SourceError {
  return new SourceError(
    'slow',
    `only ${bytes} bytes came in ${Math.round(ms / 1_000)} s; on a slow line set CLIPMILL_DOWNLOADS lower`,
  );
}
