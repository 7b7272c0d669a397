import type { Redis } from 'ioredis';

/**
 * Sends the commands of one turn of the event loop with one system call instead of one for each: with
 * hundreds of steps under way, writing to Redis was an eighth of a worker's CPU, and is half of that.
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
