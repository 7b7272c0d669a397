import type { Readable } from 'node:stream';
import { Agent } from 'undici';
import { describeError } from '../errors.ts';
import { SourceError } from './error.ts';

/** An answer that is about to deliver a clip. */
export interface Source {
  /** Bytes to come; `undefined` when the server does not say. */
  length: number | undefined;
  body: Readable;
}

/** Opens result URLs. No credentials are ever sent: their hosts are strangers. */
export interface SourceOpener {
  /** @throws SourceError */
  open(url: string, signal?: AbortSignal): Promise<Source>;
  close(): Promise<void>;
}

export interface SourceTimeouts {
  /** For a connection to open, in milliseconds. Default 10,000. */
  connectMs?: number;
  /** For the head of the answer. Default 30,000. */
  headersMs?: number;
  /** Longest silence within the body. Default 30,000. */
  silenceMs?: number;
}

/** Statuses by which stores of all kinds say that a URL has expired. */
const expiredStatuses = new Set([401, 403, 404, 410]);

export function createSourceOpener(timeouts: SourceTimeouts = {}): SourceOpener {
  const agent = new Agent({
    connect: { timeout: timeouts.connectMs ?? 10_000 },
    headersTimeout: timeouts.headersMs ?? 30_000,
    bodyTimeout: timeouts.silenceMs ?? 30_000,
  });
  return {
    async open(url, signal) {
      const { origin, pathname, search, host } = new URL(url);
      const answer = await agent
        .request({ origin, path: pathname + search, method: 'GET', ...(signal && { signal }) })
        .catch((error: unknown) => {
          throw new SourceError('broken', `${host}: ${describeError(error)}`, { cause: error });
        });
      if (answer.statusCode !== 200) {
        answer.body.on('error', () => {}).destroy();
        const fault = expiredStatuses.has(answer.statusCode) ? 'expired' : 'broken';
        throw new SourceError(fault, `${host} answered ${answer.statusCode}`);
      }
      // It may break before somebody reads it; who reads it then is told.
      answer.body.on('error', () => {});
      const length = Number(answer.headers['content-length'] ?? Number.NaN);
      return { length: Number.isFinite(length) ? length : undefined, body: answer.body };
    },
    close: () => agent.destroy(),
  };
}
