import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Faults } from './faults.ts';
import { between, type Random } from './random.ts';
import type { Timeline } from './timeline.ts';

/** A reply to a request to the API. */
export type Reply =
  | { kind: 'body'; status: number; body: string; type?: 'application/json' | 'text/html' }
  /** Resets the connection (RST). */
  | { kind: 'reset' }
  /** Never replies, and keeps the connection open. */
  | { kind: 'hang' };

const resetReply: Reply = { kind: 'reset' };
const hangReply: Reply = { kind: 'hang' };

const messages: Readonly<Record<number, string>> = {
  400: 'Invalid parameters',
  401: 'Invalid or missing API Key',
  402: 'Insufficient balance',
  403: 'Permission denied',
  404: 'Not found',
  429: 'Rate limit exceeded. Wait and retry.',
  500: 'Internal server error',
  502: 'Bad gateway',
  503: 'Service temporarily unavailable',
  504: 'Gateway timeout',
};

export const replies = {
  ok: (body: string): Reply => ({ kind: 'body', status: 200, body }),
  /** `{code, message, data: null}`. The HTTP status defaults to the code. */
  error: (code: number, message = messages[code] ?? 'Error', status = code): Reply => ({
    kind: 'body',
    status,
    body: JSON.stringify({ code, message, data: null }),
  }),
  /** The error page of a gateway in front of the API. */
  gateway: (status: number): Reply => {
    const title = `${status} ${messages[status] ?? 'Error'}`;
    const body = `<html><head><title>${title}</title></head><body><center><h1>${title}</h1></center></body></html>\n`;
    return { kind: 'body', status, body, type: 'text/html' };
  },
  /** Truncated JSON. */
  garbage: (): Reply => ({ kind: 'body', status: 200, body: '{"code":200,"message":"succ' }),
  reset: (): Reply => resetReply,
  hang: (): Reply => hangReply,
};

/** Sends replies, each delayed by `latencyMs`. */
export class Replier {
  readonly #faults: Faults;
  readonly #timeline: Timeline;
  readonly #random: Random;

  constructor(faults: Faults, timeline: Timeline, random: Random) {
    this.#faults = faults;
    this.#timeline = timeline;
    this.#random = random;
  }

  send(request: IncomingMessage, response: ServerResponse, reply: Reply): void {
    const latency = this.#faults.latencyMs;
    if (latency === null) this.#write(request, response, reply);
    else this.#timeline.after(between(this.#random, latency), () => this.#write(request, response, reply));
  }

  #write(request: IncomingMessage, response: ServerResponse, reply: Reply): void {
    if (reply.kind === 'hang') return;
    if (reply.kind === 'reset') {
      request.socket.resetAndDestroy();
      return;
    }
    const { status, body, type = 'application/json' } = reply;
    // Node does not copy a flat list of headers.
    const headers = ['Content-Type', type, 'Content-Length', String(Buffer.byteLength(body))];
    const { retryAfter } = this.#faults;
    if (status === 429 && retryAfter !== null) headers.push('Retry-After', String(retryAfter));
    response.writeHead(status, headers);
    response.end(body);
  }
}
