import type { Redis } from 'ioredis';

/**
 * Writes all commands of one event loop iteration with one system call. With hundreds of concurrent steps, one
 * call per command took an eighth of a worker's CPU; this takes half of that.
 */
export function autoCork(redis: Redis): void {
  redis.on('connect', () => {
    const { stream } = redis;
    const write = stream.write.bind(stream) as (...args: unknown[]) => boolean;
    let corked = false;
    const uncork = () => {
      corked = false;
      stream.uncork();
    };
    stream.write = (...args: unknown[]) => {
      if (!corked) {
        corked = true;
        stream.cork();
        setImmediate(uncork);
      }
      return write(...args);
    };
  });
}
