import { createServer, type RequestListener, type Server } from 'node:http';
import { UserError } from '../core/errors.ts';

/** Longer than clients keep idle connections, so that it is they who close: no POST dies on a closing socket. */
const KEEP_ALIVE_MS = 75_000;

/** An HTTP server that listens. Throws UserError when the port is taken or may not be used. */
export async function listen(port: number, host: string, listener: RequestListener): Promise<Server> {
  // No request may be cut off for being slow: hanging and stalling is what the faults are for.
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS, requestTimeout: 0, headersTimeout: 0 }, listener);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => {
      reject(
        new UserError(`simulator: cannot listen on ${host}:${port}`, {
          cure: 'Choose another port, or 0 for any free one.',
          cause: error,
        }),
      );
    });
    server.listen(port, host, resolve);
  });
  return server;
}

/** `http://127.0.0.1:4010`; an address that means all of them is written as loopback. */
export function urlOf(server: Server, host: string): string {
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const name = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  return `http://${name.includes(':') ? `[${name}]` : name}:${port}`;
}

/** Ends every connection at once, whatever is under way on it. */
export async function stopListening(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
