import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { UserError } from '../core/errors.ts';

/** Longer than clients keep idle connections, so that the client closes them and no POST fails on a closing socket. */
const KEEP_ALIVE_MS = 75_000;

/** Starts an HTTP server. @throws UserError if the port is in use or not permitted */
export async function listen(port: number, host: string, listener: RequestListener): Promise<Server> {
  // No timeouts: slow and hanging requests are intended faults.
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS, requestTimeout: 0, headersTimeout: 0 }, listener);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => {
      reject(
        new UserError(`simulator: cannot listen on ${host}:${port}`, {
          cure: 'Choose another port, or 0 for any free port.',
          cause: error,
        }),
      );
    });
    server.listen(port, host, resolve);
  });
  return server;
}

/** Returns the base URL, such as `http://127.0.0.1:4010`; a wildcard address becomes loopback. */
export function urlOf(server: Server, host: string): string {
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const name = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  return `http://${name.includes(':') ? `[${name}]` : name}:${port}`;
}

/** Closes the server and destroys its connections. */
export async function stopListening(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

/** Returns a header by its name in lower case, without building the object of all headers. */
export function header(request: IncomingMessage, name: string): string | undefined {
  const raw = request.rawHeaders;
  for (let i = 0; i < raw.length; i += 2) {
    const key = raw[i];
    if (key?.length === name.length && key.toLowerCase() === name) return raw[i + 1];
  }
  return undefined;
}

/** Returns the key of `Authorization: Bearer KEY`; undefined if there is none. */
export function bearerKey(request: IncomingMessage): string | undefined {
  const value = header(request, 'authorization');
  if (value === undefined || value.slice(0, 7).toLowerCase() !== 'bearer ') return undefined;
  return value.slice(7).trim() || undefined;
}

export function queryOf(url: string): URLSearchParams {
  const mark = url.indexOf('?');
  return new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1));
}

/** Calls `done` with the body, or undefined if it exceeds `limit` bytes. Does not call it after a disconnect. */
export function readBody(request: IncomingMessage, limit: number, done: (body: string | undefined) => void): void {
  let chunks: Buffer[] | undefined;
  let only: Buffer | undefined;
  let length = 0;
  request.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length > limit) return;
    if (!only) only = chunk;
    else (chunks ??= [only]).push(chunk);
  });
  request.on('end', () => {
    if (length > limit) done(undefined);
    else done(chunks ? Buffer.concat(chunks).toString() : (only?.toString() ?? ''));
  });
}

/** Bytes from `start` to `end`, exclusive. */
export interface ByteRange {
  start: number;
  end: number;
}

/**
 * Parses a Range header for a body of `size` bytes.
 * @returns undefined for the whole body, if there is no header or it is ignored (other unit, several ranges, bad
 * syntax); 'unsatisfiable' for status 416
 */
export function parseRange(range: string | undefined, size: number): ByteRange | 'unsatisfiable' | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(range?.trim() ?? '');
  if (!match) return undefined;
  const [, first = '', last = ''] = match;
  if (first === '') {
    if (last === '') return undefined;
    const length = Math.min(Number(last), size);
    return length === 0 ? 'unsatisfiable' : { start: size - length, end: size };
  }
  const start = Number(first);
  if (last !== '' && Number(last) < start) return undefined;
  if (start >= size) return 'unsatisfiable';
  return { start, end: last === '' ? size : Math.min(Number(last) + 1, size) };
}

/**
 * Writes pieces with backpressure, so that a slow reader costs no memory. Calls `done` when all are written. Does not
 * call it after a disconnect.
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
