/**
 * Converts SIGINT and SIGTERM to an abort signal. The first one aborts `signal`, for a graceful shutdown. The second one
 * ends the process at once; everything that matters is in Redis.
 * @param onFirst called before the abort
 * @param exitCode exit code after the second signal
 */
export function onInterrupt(
  onFirst: (name: NodeJS.Signals) => void,
  exitCode: number,
): { signal: AbortSignal; off(): void } {
  const controller = new AbortController();
  const listener = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) process.exit(exitCode);
    onFirst(name);
    controller.abort(new Interrupted(name));
  };
  process.on('SIGINT', listener);
  process.on('SIGTERM', listener);
  return {
    signal: controller.signal,
    off() {
      process.off('SIGINT', listener);
      process.off('SIGTERM', listener);
    },
  };
}

/** The reason of the abort signal. */
class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

/**
 * The deadline of each part of a graceful shutdown, in milliseconds, from the signal to the exit. Their sum
 * stays below the 30 s after which Kubernetes and `docker compose` (with `stop_grace_period: 30s`) kill the process.
 */
export const deadlines = {
  /** Steps of a worker process: answers to sent submissions are recorded, downloads stop. */
  drain: 25_000,
  /** The same in `clipmill run`, where the user waits. */
  drainRun: 10_000,
  /** Writing manifest and gallery after an interrupted `clipmill run` has drained. */
  lastReports: 8_000,
  /** Recording the outcome of requests that were aborted because the drain took too long. */
  recordAborted: 3_000,
  /** Waiting for the last replies of Redis while the app closes. */
  lastReply: 1_000,
  /** Waiting for connections after everything else is closed; then the process exits. */
  linger: 500,
} as const;
