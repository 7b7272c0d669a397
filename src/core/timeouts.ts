/** Work exceeded its time limit. */
export class TimeoutError extends Error {
  override readonly name = 'TimeoutError';
}

/** When to stop waiting for work. */
export interface Limit {
  /** Longest wait, in milliseconds. Default: no limit. */
  ms?: number;
  /** Ends the wait when it aborts. */
  signal?: AbortSignal;
}

/**
 * Waits for work, within a limit. The work itself is not stopped, and its later failure is ignored.
 * @throws TimeoutError after `ms`; the signal's reason as soon as that aborts; else the error of the work
 */
export async function withTimeout<T>(work: Promise<T>, { ms, signal }: Limit): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  let stop: (() => void) | undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    if (ms !== undefined) timer = setTimeout(() => reject(new TimeoutError(`no answer within ${ms / 1000} s`)), ms);
    if (!signal) return;
    stop = () => reject(signal.reason as Error);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
  try {
    // The limit comes first: when both have settled, the abort of a drain wins.
    return await Promise.race([limit, work]);
  } finally {
    clearTimeout(timer);
    if (stop) signal?.removeEventListener('abort', stop);
  }
}

/** Returns whether work ended within `ms` milliseconds; it is not stopped. @throws the error of the work */
export async function endsWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  try {
    await withTimeout(work, { ms });
    return true;
  } catch (error) {
    if (error instanceof TimeoutError) return false;
    throw error;
  }
}
