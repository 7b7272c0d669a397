import { Agent, EnvHttpProxyAgent, type Dispatcher } from 'undici';
import { proxySettings } from '../core/proxy.ts';
import { checkedLookup } from './address.ts';
import type { Range } from '../core/address-range.ts';
import { bounded, tooLarge } from './bounds.ts';
import { SourceError } from './errors.ts';
import { discard, get, type Answer } from './request.ts';
import { ResumableBody } from './resume.ts';

/** An answer that is about to deliver a clip. */
export interface Source {
  /** Bytes to come; `undefined` when the server does not announce them. */
  length: number | undefined;
  /** Resumes where the connection breaks, if the server supports that. */
  body: AsyncIterable<Uint8Array>;
  /** Ends it, whether it was read or not. */
  close(): void;
}

/** Opens result URLs. No credentials are ever sent: their hosts are strangers. */
export interface SourceOpener {
  /**
   * @param onBytes called with the number of bytes of each piece as it arrives
   * @throws SourceError
   */
  open(url: string, signal?: AbortSignal, onBytes?: (bytes: number) => void): Promise<Source>;
  /** The head of an answer, by a HEAD request. @throws SourceError */
  head(url: string, signal?: AbortSignal): Promise<Pick<Answer, 'status' | 'header'>>;
  close(): Promise<void>;
}

export interface SourceOptions {
  /** For a connection to open, in milliseconds. Default 10,000. */
  connectMs?: number;
  /** For the head of the answer. Default 30,000. */
  headersMs?: number;
  /** Longest silence within the body while it is waited for. Default 30,000. */
  silenceMs?: number;
  /** Bytes of a clip at most. Default: no limit. */
  maxBytes?: number;
  /** Fetch from every address: right when the API itself is on this machine. Default false. */
  anyAddress?: boolean;
  /** Ranges that are fetched from although they are not on the public internet. Default: none. */
  allowed?: readonly Range[];
}

/** Refusals for the moment only; 407 is a proxy's. */
const passing = new Set([407, 408, 425, 429]);

/** Stores report an expired URL in many ways: 403, 404, also 400 (`ExpiredToken`). */
function isExpired(status: number): boolean {
  return status >= 400 && status < 500 && !passing.has(status);
}

/**
 * Connections go by the proxies of the environment. An address is checked where this process resolves it; behind
 * a proxy, which resolves names itself, only addresses that a URL spells out are.
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

/** Plain http goes through a proxy in absolute form, as many refuse to tunnel to port 80. */
function openAgent(options: Agent.Options, connectMs: number): Dispatcher {
  const proxy = proxySettings();
  if (!proxy) return new Agent(options);
  const tls = { timeout: connectMs };
  return new EnvHttpProxyAgent({ ...options, ...proxy, proxyTls: tls, requestTls: tls, proxyTunnel: false });
}

function requireClip(answer: Answer, url: string, expected: number): void {
  const { host } = new URL(url);
  const encoding = answer.header('content-encoding') ?? 'identity';
  if (answer.status === expected && encoding === 'identity') return;
  discard(answer);
  if (answer.status === expected) {
    throw new SourceError('unusable', `${host} sent ${encoding.slice(0, 40)}, which was not asked for`);
  }
  const fault = isExpired(answer.status) ? 'expired' : answer.status < 400 ? 'unusable' : 'broken';
  throw new SourceError(fault, `${host} answered ${answer.status}`);
}

function lengthOf(answer: Answer): number | undefined {
  const length = Number(answer.header('content-length') ?? Number.NaN);
  return Number.isFinite(length) ? length : undefined;
}
