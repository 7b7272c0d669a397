import { SourceError } from './errors.ts';

/**
 * Minimum rate of a body in bytes per second, over each window: a hundredth of the rate of a slow connection that 16
 * downloads share. A clip of n bytes takes at most n / 4,096 seconds.
 */
const MIN_RATE = 4_096;
/** Time spent waiting for the source after which its rate is checked, in milliseconds. */
const WINDOW_MS = 30_000;

export interface Bounds {
  /** Maximum size of the body in bytes. */
  maxBytes: number;
  /** Monotonic clock, in milliseconds. Default: `performance.now`. */
  now?: () => number;
  /** Called with the size of each piece in bytes as it arrives. */
  onBytes?: ((bytes: number) => void) | undefined;
}

/**
 * Yields a body while it stays within its bounds. Only the time spent waiting for the source counts: the storage may
 * be slow.
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
      const calledAt = now();
      const { done, value } = await pieces.next();
      waitedMs += now() - calledAt;
      if (done === true) return;
      total += value.length;
      inWindow += value.length;
      onBytes?.(value.length);
      if (total > maxBytes) throw tooLarge(`more than ${maxBytes}`, maxBytes);
      if (waitedMs >= WINDOW_MS) {
        if (inWindow < (MIN_RATE * waitedMs) / 1_000) throw tooSlow(inWindow, waitedMs);
        inWindow = 0;
        waitedMs = 0;
      }
      yield value;
    }
  } finally {
    await pieces.return?.();
  }
}

/** Returns the error for a clip of more than `maxBytes`. */
export function tooLarge(bytes: number | string, maxBytes: number): SourceError {
  return new SourceError('too-large', `it has ${bytes} bytes, and CLIPMILL_MAX_CLIP_BYTES is ${maxBytes}`);
}

function tooSlow(bytes: number, ms: number): SourceError {
  return new SourceError(
    'slow',
    `received only ${bytes} bytes in ${Math.round(ms / 1_000)} s; on a slow connection, lower CLIPMILL_DOWNLOADS`,
  );
}
