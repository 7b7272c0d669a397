import type { ServerResponse } from 'node:http';

/**
 * Writes one piece after the other, the next when the socket has taken the last, so that a slow reader
 * holds no memory. `done` is called when all are written, and never when the reader left before.
 */
export function sendBytes(response: ServerResponse, pieces: Iterator<Buffer, undefined>, done: () => void): void {
  for (;;) {
    const next = pieces.next();
    if (next.done) return done();
    if (!response.write(next.value)) {
      response.once('drain', () => sendBytes(response, pieces, done));
      return;
    }
  }
}
