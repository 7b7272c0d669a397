import { createServer, type RequestListener, type Server, type ServerOptions } from 'node:http';
import type { ListenAddress } from '../config/values.ts';
import { UserError } from '../core/errors.ts';

/** A listening HTTP server of this process. */
export interface Listener {
  /** URL for this machine, such as `http://127.0.0.1:7878`. */
  url: string;
  /** Stops accepting, lets requests finish, and closes every connection within 1.5 s. May be called twice. */
  close(): Promise<void>;
}

/** Time that requests in progress have after `close`, in milliseconds; then their connections are destroyed. */
const CLOSE_MS = 1_500;
/** Longer than load balancers keep idle connections (60 s), so that no request arrives on a closing socket. */
const KEEP_ALIVE_MS = 75_000;
const MAX_HEADER_BYTES = 16_384;
/** Time limit for the head of a request, in milliseconds. */
const HEADERS_MS = 15_000;
/** Maximum number of concurrent connections; further ones are closed. */
const MAX_CONNECTIONS = 1_000;

const limits: ServerOptions = {
  keepAliveTimeout: KEEP_ALIVE_MS,
  headersTimeout: HEADERS_MS,
  // Handlers limit the time for a body: seconds for a callback, up to an hour for an upload.
  requestTimeout: 0,
  maxHeaderSize: MAX_HEADER_BYTES,
  connectionsCheckingInterval: 1_000,
};

/**
 * Listens on an address.
 * @param setting name of the setting with the address, for errors
 * @throws UserError if the address is in use or not of this machine
 */
export async function listen(address: ListenAddress, handler: RequestListener, setting: string): Promise<Listener> {
  const server = createServer(limits, handler);
  server.maxConnections = MAX_CONNECTIONS;
  // A client that does not speak HTTP loses its connection, without a log line.
  server.on('clientError', (_error, socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => {
      reject(
        new UserError(`cannot listen on ${address.host}:${address.port}: ${cause.message}`, {
          cure: `Set ${setting} to a free port of this machine.`,
          cause,
        }),
      );
    });
    server.listen(address.port, address.host, resolve);
  });
  let closing: Promise<void> | undefined;
  return { url: urlOf(server, address.host), close: () => (closing ??= close(server)) };
}

async function close(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), CLOSE_MS);
  await closed;
  clearTimeout(timer);
}

function urlOf(server: Server, host: string): string {
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const name = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `http://${name.includes(':') ? `[${name}]` : name}:${port}`;
}
