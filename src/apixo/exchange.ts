import type { Dispatcher } from 'undici';

/** One HTTP request whose answer is small enough to hold in memory. */
export interface ExchangeRequest {
  method: 'GET' | 'POST';
  path: string;
  headers: Record<string, string>;
  body?: string;
  /** Longest wait for the head of the answer, in milliseconds. */
  headersTimeoutMs: number;
  /** Longest silence within the body, in milliseconds. */
  bodyTimeoutMs: number;
  signal?: AbortSignal | undefined;
}

export interface ExchangeAnswer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
}

/** No answer, or only a part of one. */
export class ExchangeError extends Error {
  override readonly name = 'ExchangeError';
  /**
   * Whether the request had been handed to a connected socket. If not, the server cannot know of it;
   * if so, it may have carried it out.
   */
  readonly sent: boolean;

  constructor(sent: boolean, cause: Error) {
    super(cause.message || cause.name, { cause });
    this.sent = sent;
  }

  /** The code of the underlying error, such as `ECONNREFUSED` or `UND_ERR_HEADERS_TIMEOUT`. */
  get reason(): string {
    const { cause } = this;
    return cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : 'UNKNOWN';
  }
}

/** Answers of the API are a few hundred bytes; what is larger is no answer of the API. */
const MAX_ANSWER_BYTES = 1_048_576;

/**
 * Sends one request, once. Nothing here or below it repeats a request: a POST that is repeated is
 * paid twice.
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
    const onAbort = () => {
      const reason = signal?.reason instanceof Error ? signal.reason : new Error('aborted');
      if (abort) abort(reason);
      else fail(reason);
    };
    const fail = (error: Error) => {
      signal?.removeEventListener('abort', onAbort);
      reject(new ExchangeError(sent, error));
    };
    if (signal?.aborted) return onAbort();
    signal?.addEventListener('abort', onAbort, { once: true });

    dispatcher.dispatch(
      {
        method: request.method,
        path: request.path,
        headers: request.headers,
        body: request.body ?? null,
        headersTimeout: request.headersTimeoutMs,
        bodyTimeout: request.bodyTimeoutMs,
      },
      {
        onRequestStart(controller) {
          if (signal?.aborted) return controller.abort(new Error('aborted'));
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
          signal?.removeEventListener('abort', onAbort);
          resolve({ status, headers, text: Buffer.concat(chunks).toString('utf8') });
        },
        onResponseError(_controller, error) {
          fail(error);
        },
      },
    );
  });
}
