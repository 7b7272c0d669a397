import { Agent, EnvHttpProxyAgent, type Dispatcher } from 'undici';
import { proxySettings } from '../core/proxy.ts';
import { checkedLookup } from './address.ts';
import type { Range } from '../core/address-range.ts';
import { bounded, tooLarge } from './bounds.ts';
import { SourceError } from './errors.ts';
import { discard, get, type Answer } from './request.ts';
import { ResumableBody } from './resume.ts';

/** An open answer whose body is a clip. */
export interface Source {
  /** Content-Length in bytes; `undefined` if the server sends none. */
  length: number | undefined;
  /** The bytes; after a broken connection it resumes by Range if the server supports that. */
  body: AsyncIterable<Uint8Array>;
  /** Closes the connection, whether or not the body was read. */
  close(): void;
}

/** Opens result URLs, without credentials: their hosts are not trusted. */
export interface SourceOpener {
  /**
   * Requests a clip.
   * @param onBytes called with the size of each piece in bytes as it arrives
   * @throws SourceError
   */
  open(url: string, signal?: AbortSignal, onBytes?: (bytes: number) => void): Promise<Source>;
  /** Sends a HEAD request. @throws SourceError */
  head(url: string, signal?: AbortSignal): Promise<Pick<Answer, 'status' | 'header'>>;
  close(): Promise<void>;
}

export interface SourceOptions {
  /** Timeout for opening a connection, in milliseconds. Default 10,000. */
  connectMs?: number;
  /** Timeout for the headers of the answer, in milliseconds. Default 30,000. */
  headersMs?: number;
  /** Maximum time between two pieces while the body is read, in milliseconds. Default 30,000. */
  silenceMs?: number;
  /** Maximum size of a clip in bytes. Default: unlimited. */
  maxBytes?: number;
  /** Allows every address: for an API on this machine. Default false. */
  anyAddress?: boolean;
  /** Ranges that are allowed in addition to the public internet. Default: none. */
  allowed?: readonly Range[];
}

/** Statuses of temporary refusals; 407 comes from a proxy. */
const temporary = new Set([407, 408, 425, 429]);

/** Returns whether a URL has expired: object stores answer 403 or 404 then, and some 400 (`ExpiredToken`). */
function isExpired(status: number): boolean {
  return status >= 400 && status < 500 && !temporary.has(status);
}

/**
 * Creates an opener that connects through the proxies of the environment. Addresses are checked when this process
 * resolves them. Behind a proxy, which resolves names itself, only literal addresses in URLs are checked.
 */
export function createSourceOpener(options: SourceOptions = {}): SourceOpener {
  const { maxBytes = Number.POSITIVE_INFINITY } = options;
  const addresses = { any: options.anyAddress ?? false, allowed: options.allowed ?? [] };
  const connectMs = options.connectMs ?? 10_000;
  const timeouts = { headersTimeout: options.headersMs ?? 30_000, bodyTimeout: options.silenceMs ?? 30_000 };
  const connect = { timeout: connectMs, ...(!addresses.any && { lookup: checkedLookup(addresses) }) };
  const agent = openAgent({ ...timeouts, connect }, connectMs);
  return {
    async open(url, signal, onBytes) {
      const answer = await get(agent, url, { addresses, signal });
      requireClip(answer, url, 200);
      const length = lengthOf(answer);
      if (length !== undefined && length > maxBytes) {
        discard(answer);
        throw tooLarge(length, maxBytes);
      }
      const body = new ResumableBody(answer, {
        length,
        signal,
        async reopen(from, ifRange) {
          const headers = { range: `bytes=${from}-`, 'if-range': ifRange };
          const rest = await get(agent, url, { headers, addresses, signal });
          if (isExpired(rest.status)) requireClip(rest, url, 206);
          return rest;
        },
      });
      return { length, body: bounded(body, { maxBytes, onBytes }), close: () => body.close() };
    },
    async head(url, signal) {
      const answer = await get(agent, url, { addresses, signal, method: 'HEAD' });
      discard(answer);
      return answer;
    },
    close: () => agent.destroy(),
  };
}

/** Sends http requests to a proxy in absolute form: many proxies refuse to tunnel to port 80. */
function openAgent(options: Agent.Options, connectMs: number): Dispatcher {
  const proxy = proxySettings();
  if (!proxy) return new Agent(options);
  const tls = { timeout: connectMs };
  return new EnvHttpProxyAgent({ ...options, ...proxy, proxyTls: tls, requestTls: tls, proxyTunnel: false });
}

/** Other values do not change the bytes: object stores return `aws-chunked` or whatever the uploader has written. */
const compressions = /\b(?:gzip|deflate|br|zstd|compress)\b/i;

function requireClip(answer: Answer, url: string, expected: number): void {
  const { host } = new URL(url);
  const encoding = answer.header('content-encoding') ?? 'identity';
  if (answer.status === expected && !compressions.test(encoding)) return;
  discard(answer);
  if (answer.status === expected) {
    throw new SourceError(
      'unusable',
      `${host} sent the content encoding ${encoding.slice(0, 40)}, which was not requested`,
    );
  }
  const fault = isExpired(answer.status) ? 'expired' : answer.status < 400 ? 'unusable' : 'broken';
  throw new SourceError(fault, `${host} answered ${answer.status}`);
}

function lengthOf(answer: Answer): number | undefined {
  const length = Number(answer.header('content-length') ?? Number.NaN);
  return Number.isFinite(length) ? length : undefined;
}
