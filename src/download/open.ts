import { Agent } from 'undici';
import { publicLookup } from './address.ts';
import { SourceError } from './error.ts';
import { discard, get, type Answer } from './request.ts';
import { ResumableBody } from './resume.ts';

/** An answer that is about to deliver a clip. */
export interface Source {
  /** Bytes to come; `undefined` when the server does not say. */
  length: number | undefined;
  /** Goes on by itself where the connection breaks, if the server can do that. */
  body: AsyncIterable<Uint8Array>;
  /** Ends it, whether it was read or not. */
  close(): void;
}

/** Opens result URLs. No credentials are ever sent: their hosts are strangers. */
export interface SourceOpener {
  /** @throws SourceError */
  open(url: string, signal?: AbortSignal): Promise<Source>;
  close(): Promise<void>;
}

export interface SourceOptions {
  /** For a connection to open, in milliseconds. Default 10,000. */
  connectMs?: number;
  /** For the head of the answer. Default 30,000. */
  headersMs?: number;
  /** Longest silence within the body while somebody waits for it. Default 30,000. */
  silenceMs?: number;
  /** Fetch from addresses that are not public as well: right when the API itself is on this machine. Default false. */
  anyAddress?: boolean;
}

/** What a server refuses for the moment only. */
const passing = new Set([408, 425, 429]);

/** Stores say in many ways that a URL has expired: 403, 404, also 400 (`ExpiredToken`). */
function isExpired(status: number): boolean {
  return status >= 400 && status < 500 && !passing.has(status);
}

export function createSourceOpener(options: SourceOptions = {}): SourceOpener {
  const { anyAddress = false } = options;
  const agent = new Agent({
    connect: { timeout: options.connectMs ?? 10_000, ...(!anyAddress && { lookup: publicLookup }) },
    headersTimeout: options.headersMs ?? 30_000,
    bodyTimeout: options.silenceMs ?? 30_000,
  });
  return {
    async open(url, signal) {
      const answer = await get(agent, url, { anyAddress, signal });
      requireClip(answer, url, 200);
      const length = lengthOf(answer);
      const body = new ResumableBody(answer, {
        length,
        signal,
        async reopen(from, ifRange) {
          const headers = { range: `bytes=${from}-`, 'if-range': ifRange };
          const rest = await get(agent, url, { headers, anyAddress, signal });
          if (isExpired(rest.status)) requireClip(rest, url, 206);
          return rest;
        },
      });
      return { length, body, close: () => body.close() };
    },
    close: () => agent.destroy(),
  };
}

function requireClip(answer: Answer, url: string, expected: number): void {
  const { host } = new URL(url);
  const encoding = answer.header('content-encoding') ?? 'identity';
  if (answer.status === expected && encoding === 'identity') return;
  discard(answer);
  if (answer.status === expected) throw new SourceError('broken', `${host} sent ${encoding}, which nobody asked for`);
  const fault = isExpired(answer.status) ? 'expired' : 'broken';
  throw new SourceError(fault, `${host} answered ${answer.status}`);
}

function lengthOf(answer: Answer): number | undefined {
  const length = Number(answer.header('content-length') ?? Number.NaN);
  return Number.isFinite(length) ? length : undefined;
}
