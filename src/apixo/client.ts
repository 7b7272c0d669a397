import { Pool } from 'undici';
import type { z } from 'zod';
import { ApixoError, classify } from './errors.ts';
import { exchange, ExchangeError, type ExchangeAnswer, type ExchangeRequest } from './exchange.ts';
import type { Model } from './model.ts';
import { balanceData, createdData, envelope, readTaskReport, statusData, type TaskReport } from './wire.ts';

/** The body of a submission, apart from what the client itself adds. */
export interface GenerateRequest {
  provider: 'auto' | 'value' | 'official';
  input: object;
  /** Where the API reports the end; without it the task is polled. */
  callbackUrl?: string | undefined;
}

/**
 * The remote API, one method an endpoint. Every call is one request: waiting for the shared limits
 * comes before, retrying is the caller's decision after. All methods throw ApixoError.
 */
export interface ApixoClient {
  /** Asks for one clip, which costs money when it is accepted. */
  generate(model: Model, request: GenerateRequest, signal?: AbortSignal): Promise<{ taskId: string }>;
  status(model: Model, taskId: string, signal?: AbortSignal): Promise<TaskReport>;
  /** Asks for the balance of this key, which costs nothing. Not every API of this kind offers it. */
  account(signal?: AbortSignal): Promise<AccountReport>;
  close(): Promise<void>;
}

export interface AccountReport {
  /** US dollars left on the key. */
  balanceUsd: number;
  /** When the answer was made, Unix ms of the API's clock to the second; `undefined` where it does not say. */
  date: number | undefined;
}

export interface ClientOptions {
  baseUrl: string;
  apiKey: string;
  /** Longest time for a connection to open, in milliseconds. Default 10,000. */
  connectTimeoutMs?: number;
  /** Longest wait for the head of an answer, and longest silence in its body. Default 60,000 (a submission is slow). */
  answerTimeoutMs?: number;
  /** Connections at most. Default 256: 160 requests a second that take 1.5 s each. */
  connections?: number;
}

export function createApixoClient(options: ClientOptions): ApixoClient {
  const base = new URL(options.baseUrl);
  const pool = new Pool(base.origin, {
    connections: options.connections ?? 256,
    pipelining: 1,
    connect: { timeout: options.connectTimeoutMs ?? 10_000 },
  });
  const timeoutMs = options.answerTimeoutMs ?? 60_000;
  const api = `${base.pathname.replace(/\/+$/, '')}/api/v1`;
  const headers = { authorization: `Bearer ${options.apiKey}`, accept: 'application/json' };
  const jsonHeaders = { ...headers, 'content-type': 'application/json' };

  /** Sends one request. An exchange that failed before it was sent was certainly not accepted. */
  async function send(request: Pick<ExchangeRequest, 'method' | 'path' | 'body' | 'signal'>): Promise<ExchangeAnswer> {
    try {
      return await exchange(pool, {
        ...request,
        headers: request.body === undefined ? headers : jsonHeaders,
        headersTimeoutMs: timeoutMs,
        bodyTimeoutMs: timeoutMs,
      });
    } catch (error) {
      if (!(error instanceof ExchangeError)) throw error;
      const what = `${request.method} ${base.host}: ${error.message}`;
      if (!error.sent) throw new ApixoError('unreachable', error.reason, what, { cause: error });
      throw new ApixoError('ambiguous', lostAnswerCode(error), what, { cause: error });
    }
  }

  return {
    async account(signal) {
      const answer = await send({ method: 'GET', path: `${api}/apikeys/current-balance`, signal });
      return { balanceUsd: readAnswer(answer, balanceData), date: readDate(answer.headers['date']) };
    },

    async generate(model, request, signal) {
      const body = JSON.stringify({
        request_type: request.callbackUrl ? 'callback' : 'async',
        ...(request.callbackUrl && { callback_url: request.callbackUrl }),
        ...(request.provider !== 'auto' && { provider: request.provider }),
        input: request.input,
      });
      const answer = await send({ method: 'POST', path: `${api}/generateTask/${model.id}`, body, signal });
      return readAnswer(answer, createdData);
    },

    async status(model, taskId, signal) {
      const path = `${api}/statusTask/${model.id}?taskId=${encodeURIComponent(taskId)}`;
      return readTaskReport(readAnswer(await send({ method: 'GET', path, signal }), statusData));
    },

    close: () => pool.destroy(),
  };
}

/**
 * The data of a good answer.
 * @throws ApixoError by the HTTP status, by the body's code, or because the body says neither.
 */
function readAnswer<T>(answer: ExchangeAnswer, schema: z.ZodType<T>): T {
  const body = envelope.safeParse(parseJson(answer.text));
  const retryAfterMs = readRetryAfter(answer.headers);
  for (const status of [answer.status, body.data?.code ?? 200]) {
    if (status >= 200 && status < 300) continue;
    const message = body.data?.message ?? '';
    throw new ApixoError(
      classify(status, message),
      `HTTP_${status}`,
      `API answered ${status}${message && `: ${message}`}`,
      {
        retryAfterMs,
      },
    );
  }
  const data = schema.safeParse(body.data?.data);
  if (data.success) return data.data;
  throw new ApixoError('ambiguous', 'UNREADABLE_ANSWER', 'API answered 200 with a body that is not its own');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Retry-After as seconds or as an HTTP date, in milliseconds from now; a date is the API's clock, as its Date is. */
function readRetryAfter({ 'retry-after': header, date }: ExchangeAnswer['headers']): number | undefined {
  const text = Array.isArray(header) ? header[0] : header;
  if (!text) return undefined;
  const ms = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text) - (readDate(date) ?? Date.now());
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}

function readDate(header: string | string[] | undefined): number | undefined {
  const date = typeof header === 'string' ? Date.parse(header) : Number.NaN;
  return Number.isFinite(date) ? date : undefined;
}

function lostAnswerCode(error: ExchangeError): string {
  return /TIMEOUT/.test(error.reason) ? 'ANSWER_TIMEOUT' : 'CONNECTION_LOST';
}
