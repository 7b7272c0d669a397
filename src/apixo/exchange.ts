import { EnvHttpProxyAgent, Pool, type Dispatcher } from 'undici';
import type { ProxySettings } from '../core/proxy.ts';
import { answerText } from './answer-text.ts';

export interface DispatcherOptions {
  connectTimeoutMs: number;
  connections: number;
  proxy: ProxySettings | undefined;
}

/** Opens the connections to one origin, through a proxy where one is set. */
export function openDispatcher(origin: string, options: DispatcherOptions): Dispatcher {
  const { connections, proxy } = options;
  const connect = { timeout: options.connectTimeoutMs };
  if (!proxy) return new Pool(origin, { connections, pipelining: 1, connect });
  return new EnvHttpProxyAgent({
    ...proxy,
    connections,
    pipelining: 1,
    connect,
    proxyTls: connect,
    requestTls: connect,
  });
}

/** One HTTP request whose answer is small enough to hold in memory. */
export interface ExchangeRequest {
  method: 'GET' | 'POST';
  origin: string;
  path: string;
  headers: Record<string, string>;
  body?: string;
  /** Longest time from the call to the end of the answer, in milliseconds. */
  timeoutMs: number;
  signal?: AbortSignal | undefined;
}

export interface ExchangeAnswer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
}

/** The answer did not end in time. */
class AnswerTimeout extends Error {
  readonly code = 'ANSWER_TIMEOUT';
}

/** No answer, or only a part of one. */
export class ExchangeError extends Error {
  override readonly name = 'ExchangeError';
  /**
   * Whether the request had been passed to a connected socket. If not, the server did not receive it; if so, the
   * server may have executed it.
   */
  readonly sent: boolean;

  constructor(sent: boolean, cause: Error) {
    super(cause.message || cause.name, { cause });
    this.sent = sent;
  }

  /** The code of the underlying error, such as `ECONNREFUSED` or `ANSWER_TIMEOUT`. */
  get reason(): string {
    const { cause } = this;
    return cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : 'UNKNOWN';
  }
}

/** Maximum size of an answer. Those of the API have a few hundred bytes. */
const MAX_ANSWER_BYTES = 1_048_576;

/**
 * Sends one request, once. Neither this function nor undici repeats it: a repeated POST is paid for twice.
 * @throws ExchangeError
 */
export function exchange(dispatcher: Dispatcher, request: ExchangeRequest): Promise<ExchangeAnswer> {
  return new Promise((resolve, reject) => {
    let sent = false;
    let abort: ((reason: Error) => void) | undefined;
    let status = 0;
    let headers: ExchangeAnswer['headers'] = {};
    let size = 0;
    const chunks: Buffer[] = [];

    const { signal } = request;
    let ended = false;
    const end = () => {
      ended = true;
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    };
    const fail = (error: Error) => {
      end();
      reject(new ExchangeError(sent, error));
    };
    const stop = (reason: Error) => {
      if (abort) abort(reason);
      else fail(reason);
    };
    const onAbort = () => stop(signal?.reason instanceof Error ? signal.reason : new Error('aborted'));
    const timer = setTimeout(
      () => stop(new AnswerTimeout(`no answer within ${request.timeoutMs / 1000} s`)),
      request.timeoutMs,
    );
    if (signal?.aborted) return onAbort();
    signal?.addEventListener('abort', onAbort, { once: true });

    dispatcher.dispatch(
      {
        origin: request.origin,
        method: request.method,
        path: request.path,
        headers: request.headers,
        body: request.body ?? null,
        // The timer above covers the whole exchange.
        headersTimeout: 0,
        bodyTimeout: 0,
      },
      {
        onRequestStart(controller) {
          // It timed out or was aborted while it waited for a connection: it must not be sent any more.
          if (ended) return controller.abort(new Error('aborted'));
          sent = true;
          abort = (reason) => controller.abort(reason);
        },
        onResponseStart(_controller, statusCode, answerHeaders) {
          status = statusCode;
          headers = answerHeaders;
        },
        onResponseData(controller, chunk) {
          size += chunk.length;
          if (size > MAX_ANSWER_BYTES) controller.abort(new Error(`answer over ${MAX_ANSWER_BYTES} bytes`));
          else chunks.push(chunk);
        },
        onResponseEnd() {
          end();
          resolve({ status, headers, text: answerText(Buffer.concat(chunks), headers, MAX_ANSWER_BYTES) });
        },
        onResponseError(_controller, error) {
          fail(error);
        },
      },
    );
  });
}
