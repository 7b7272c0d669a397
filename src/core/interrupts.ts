/**
 * The first SIGINT or SIGTERM asks for an orderly end: `signal` aborts. The second ends the process
 * at once; everything that matters is in Redis.
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

/** Why work was broken off: somebody asked for it. */
class Interrupted extends Error {
  override readonly name = 'Interrupted';
}
