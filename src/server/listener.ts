import { createServer, type RequestListener, type Server, type ServerOptions } from 'node:http';
import type { ListenAddress } from '../config/values.ts';
import { UserError } from '../core/errors.ts';

/** An HTTP server of this process that listens. */
export interface Listener {
  /** `http://127.0.0.1:7878`, as this machine reaches it. */
  url: string;
  /** Accepts nothing more, lets requests finish, and ends every connection within CLOSE_MS. May be called twice. */
  close(): Promise<void>;
}

export interface ListenerOptions {
  /** The setting that holds the address, for errors. */
  setting: string;
  /** Connections at once; further ones are ended. Default 1,000. */
  maxConnections?: number;
  /** For the head of a request to arrive, in milliseconds. Default 15,000. */
  headersTimeout?: number;
}

/** Requests under way have this long after `close`, in milliseconds; then their connections are destroyed. */
const CLOSE_MS = 1_500;
/** Longer than load balancers keep idle connections (60 s), so that no request meets a closing socket. */
const KEEP_ALIVE_MS = 75_000;
const MAX_HEADER_BYTES = 16_384;

const limits: ServerOptions = {
  keepAliveTimeout: KEEP_ALIVE_MS,
  // Handlers limit the time of a body themselves: a callback has seconds, an upload may have an hour.
  requestTimeout: 0,
  maxHeaderSize: MAX_HEADER_BYTES,
  connectionsCheckingInterval: 1_000,
};

/** @throws UserError when the address is taken or not of this machine */
export async function listen(
  address: ListenAddress,
  handler: RequestListener,
  options: ListenerOptions,
): Promise<Listener> {
  const server = createServer({ ...limits, headersTimeout: options.headersTimeout ?? 15_000 }, handler);
  server.maxConnections = options.maxConnections ?? 1_000;
  // A client that sends no HTTP loses its connection, without a log line.
  server.on('clientError', (_error, socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => {
      reject(
        new UserError(`cannot listen on ${address.host}:${address.port}: ${cause.message}`, {
          cure: `Set ${options.setting} to a free port of this machine.`,
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
