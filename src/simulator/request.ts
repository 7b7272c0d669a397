import type { IncomingMessage } from 'node:http';

/** The value of a header by its lower-case name. Node's own `headers` would build an object of all of them. */
export function header(request: IncomingMessage, name: string): string | undefined {
  const raw = request.rawHeaders;
  for (let i = 0; i < raw.length; i += 2) {
    const key = raw[i];
    if (key?.length === name.length && key.toLowerCase() === name) return raw[i + 1];
  }
  return undefined;
}

/** The key of `Authorization: Bearer KEY`; undefined when there is none. */
export function bearerKey(request: IncomingMessage): string | undefined {
  const value = header(request, 'authorization');
  if (value === undefined || value.slice(0, 7).toLowerCase() !== 'bearer ') return undefined;
  return value.slice(7).trim() || undefined;
}

export function queryOf(url: string): URLSearchParams {
  const mark = url.indexOf('?');
  return new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1));
}

/** Hands over the whole body, or undefined when it is longer than `limit` bytes; never when the client left. */
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
