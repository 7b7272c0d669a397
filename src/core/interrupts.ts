/**
 * Converts SIGINT and SIGTERM to an abort signal. The first one aborts `signal`, for a graceful shutdown. The second one
 * ends the process at once; everything that matters is in Redis.
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

/** The reason of the abort. */
class Interrupted extends Error {
  override readonly name = 'Interrupted';
}
