import { connect } from 'node:net';
import type { RequestListener } from 'node:http';
import { onTestFinished } from 'vitest';
import { listen, type Listener } from '../../../src/server/listener.ts';

/** Opens a listener on a free port, which is closed when the test ends. */
export async function serving(handler: RequestListener): Promise<Listener> {
  const listener = await listen({ host: '127.0.0.1', port: 0 }, handler, 'CLIPMILL_LISTEN');
  onTestFinished(() => listener.close());
  return listener;
}

/** Sends raw bytes. @returns everything that is received until the connection ends */
export async function sendRaw(url: string, chunks: readonly (string | Buffer)[], pauseMs = 0): Promise<string> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  let answer = '';
  const ended = new Promise<string>((resolve) => {
    socket.on('data', (data) => (answer += data.toString()));
    socket.on('error', () => resolve(answer)).on('close', () => resolve(answer));
  });
  for (const chunk of chunks) {
    if (socket.destroyed) break;
    socket.write(chunk);
    if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  return await ended;
}
