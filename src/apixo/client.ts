import { metrics } from '../core/metrics.ts';
import { cleanText } from '../core/text.ts';
import { scrubber } from '../core/redact.ts';
import { proxySettings, type ProxySettings } from '../core/proxy.ts';
import { openDispatcher, exchange, ExchangeError, type ExchangeAnswer, type ExchangeRequest } from './exchange.ts';
import { ApixoError, classify, classifyWords } from './errors.ts';
import type { Model } from './model.ts';
import { readBalance } from './read/balance.ts';
import { readBodyCode } from './read/body-code.ts';
import { parseJson } from './read/json.ts';
import { findTaskId, isDocumentedId } from './read/task-id.ts';
import { namesTask, readTaskReport, type TaskReport } from './read/task-report.ts';
import { readDate, readRetryAfter } from './retry-after.ts';

/** The body of a submission, without the fields that the client adds. */
export interface GenerateRequest {
  provider: 'auto' | 'value' | 'official';
  input: object;
  /** URL that the API calls when the task has ended. */
  callbackUrl?: string | undefined;
}

/**
 * The remote API, one method per endpoint. Every call is one request: the caller waits for the shared limits before it,
 * and decides on a retry after it. All methods throw ApixoError.
 */
export interface ApixoClient {
  /** Submits a task for one clip, which costs money when the API accepts it. */
  generate(model: Model, request: GenerateRequest, signal?: AbortSignal): Promise<{ taskId: string }>;
  /** Reads the state of a task. */
  status(model: Model, taskId: string, signal?: AbortSignal): Promise<TaskReport>;
  /** Reads the account of the API key; throws also where the API does not offer the balance. */
  account(signal?: AbortSignal): Promise<AccountReport>;
  close(): Promise<void>;
}

export interface AccountReport {
  /** US dollars left on the key. */
  balanceUsd: number;
  /** Time of the answer, in Unix ms of the API's clock, to the second; `undefined` without a Date header. */
  date: number | undefined;
}

/** An answer that was read although it deviates from the documentation: the API may have changed. */
export interface LenientReading {
  endpoint: 'generate' | 'status' | 'balance';
  /** The deviation, as a name from a fixed vocabulary. */
  what: string;
  /** The answer, redacted and truncated. */
  raw: string;
}

export interface ClientOptions {
  baseUrl: string;
  apiKey: string;
  /** Longest time for a connection to open, in milliseconds. Default 8,000. */
  connectTimeoutMs?: number;
  /** Longest time until a poll or the balance is answered, in milliseconds. Default 60,000. */
  answerTimeoutMs?: number;
  /** Longest time until a submission is answered, in milliseconds. Default 180,000. It may be billed even if aborted. */
  submitTimeoutMs?: number;
  /** Maximum number of connections. Default 256: enough for 160 requests a second of 1.5 s each. */
  connections?: number;
  /** Default: the proxies of HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY. */
  proxy?: ProxySettings | undefined;
  /** Called for every answer that was read although it deviates from the documentation. */
  onLenientReading?: ((reading: LenientReading) => void) | undefined;
}

/** Maximum length of an answer's text in an error, in characters. */
const MAX_MESSAGE = 500;

export function createApixoClient(options: ClientOptions): ApixoClient {
  const base = new URL(options.baseUrl);
  const dispatcher = openDispatcher(base.origin, {
    connections: options.connections ?? 256,
    connectTimeoutMs: options.connectTimeoutMs ?? 8_000,
    proxy: 'proxy' in options ? options.proxy : proxySettings(),
  });
  const answerTimeoutMs = options.answerTimeoutMs ?? 60_000;
  const submitTimeoutMs = options.submitTimeoutMs ?? 180_000;
  const api = `${base.pathname.replace(/\/+$/, '')}/api/v1`;
  const headers = { authorization: `Bearer ${options.apiKey}`, accept: 'application/json' };
  const jsonHeaders = { ...headers, 'content-type': 'application/json' };
  const scrub = scrubber([options.apiKey, encodeURIComponent(options.apiKey)]);
  const redact = (text: string) => scrub(text).replaceAll(/\bbearer\s+[\w.~+/=-]{6,}/gi, 'Bearer [secret]');

  /** Sends a request; throws ApixoError when the exchange fails. An unsent request was certainly not accepted. */
  async function send(request: Pick<ExchangeRequest, 'method' | 'path' | 'body' | 'signal'>): Promise<ExchangeAnswer> {
    const kind = request.method === 'POST' ? 'generate' : request.path.includes('/statusTask/') ? 'status' : 'balance';
    const stop = metrics.apiRequestSeconds.startTimer({ kind });
    let status = 'none';
    try {
      const answer = await exchange(dispatcher, {
        ...request,
        origin: base.origin,
        headers: request.body === undefined ? headers : jsonHeaders,
        timeoutMs: request.method === 'POST' ? submitTimeoutMs : answerTimeoutMs,
      });
      status = String(answer.status);
      return answer;
    } catch (error) {
      if (!(error instanceof ExchangeError)) throw error;
      const what = `${request.method} ${base.host}: ${error.message}`;
      if (error.sent) throw new ApixoError('ambiguous', lostAnswerCode(error), what, { cause: error });
      const proxyStatus = Number(/Proxy response \((\d+)\)/.exec(error.message)?.[1]);
      if (proxyStatus === 407 || proxyStatus === 403)
        throw new ApixoError('network-refused', `PROXY_${proxyStatus}`, what, { cause: error });
      throw new ApixoError('unreachable', error.reason, what, { cause: error });
    } finally {
      stop();
      metrics.apiRequests.inc({ kind, status });
    }
  }

  function rawOf(answer: ExchangeAnswer): string {
    return cleanText(answer.text, MAX_MESSAGE, redact);
  }

  function reportLenient(endpoint: LenientReading['endpoint'], what: readonly string[], answer: ExchangeAnswer): void {
    for (const one of what) options.onLenientReading?.({ endpoint, what: one, raw: rawOf(answer) });
  }

  /** Returns the error in an answer; `undefined` for a success. `sent` is a text that the answer may quote. */
  function errorOf(answer: ExchangeAnswer, body: unknown, sent = ''): ApixoError | undefined {
    const { failed, message, refused } = readBodyCode(body);
    const httpFailed = answer.status < 200 || answer.status >= 300;
    // In a 5xx answer, the code of the body is more exact; with any other failed status, the body only repeats it.
    const status = httpFailed && !(answer.status >= 500 && failed !== undefined) ? answer.status : failed;
    if (status === undefined && !refused) return undefined;
    const text = cleanText(message || titleOf(answer.text), MAX_MESSAGE, redact);
    const words = sent.length > 2 ? text.replaceAll(sent, ' ') : text;
    const retryAfterMs = readRetryAfter(answer.headers);
    if (status !== undefined) {
      const kind = classify(status, words);
      const byWords = status !== 401 && status !== 402 && status !== 407;
      return new ApixoError(kind, `HTTP_${status}`, `API answered ${status}${text && `: ${text}`}`, {
        retryAfterMs,
        byWords,
      });
    }
    const kind = classifyWords(words);
    return kind && new ApixoError(kind, 'REFUSED', `API answered: ${text}`, { retryAfterMs, byWords: true });
  }

  function notUnderstood(answer: ExchangeAnswer, what: string): ApixoError {
    return new ApixoError(
      'not-understood',
      'UNREADABLE_ANSWER',
      `API answered ${answer.status} ${what}: ${rawOf(answer)}`,
    );
  }

  return {
    async account(signal) {
      const answer = await send({ method: 'GET', path: `${api}/apikeys/current-balance`, signal });
      const body = parseJson(answer.text);
      const error = errorOf(answer, body);
      if (error) throw error;
      const balance = readBalance(body);
      if (!balance) throw notUnderstood(answer, 'without a balance');
      if (balance.lenient) reportLenient('balance', ['data'], answer);
      return { balanceUsd: balance.usd, date: readDate(answer.headers['date']) };
    },

    async generate(model, request, signal) {
      const payload = JSON.stringify({
        request_type: request.callbackUrl ? 'callback' : 'async',
        ...(request.callbackUrl && { callback_url: request.callbackUrl }),
        ...(request.provider !== 'auto' && { provider: request.provider }),
        input: request.input,
      });
      const answer = await send({ method: 'POST', path: `${api}/generateTask/${model.id}`, body: payload, signal });
      const body = parseJson(answer.text);
      const prompt = 'prompt' in request.input && typeof request.input.prompt === 'string' ? request.input.prompt : '';
      const error = errorOf(answer, body, prompt);
      const taskId = findTaskId(body, error === undefined);
      if (taskId === undefined) throw error ?? notUnderstood(answer, 'without the id of a task');
      if (error) reportLenient('generate', ['error'], answer);
      else if (!isDocumentedId(body, taskId)) reportLenient('generate', ['taskId'], answer);
      return { taskId };
    },

    async status(model, taskId, signal) {
      const path = `${api}/statusTask/${model.id}?taskId=${encodeURIComponent(taskId)}`;
      const answer = await send({ method: 'GET', path, signal });
      const body = parseJson(answer.text);
      const error = errorOf(answer, body);
      // An error answer with the state of this task: the state counts, not the code.
      if (error && !namesTask(body, taskId)) throw error;
      const { report, lenient } = readTaskReport(body, taskId, redact);
      if (error && report.state === 'unclear') throw error;
      if (report.state === 'unclear' && report.raw === '') report.raw = rawOf(answer);
      reportLenient('status', error ? [...lenient, 'error'] : lenient, answer);
      return report;
    },

    close: () => dispatcher.destroy(),
  };
}

/** Returns the title of an HTML page, with which gateways answer. */
function titleOf(text: string): string {
  return /<title>([^<]{1,200})<\/title>/i.exec(text.slice(0, 4_096))?.[1] ?? '';
}

function lostAnswerCode(error: ExchangeError): string {
  return /TIMEOUT/.test(error.reason) ? 'ANSWER_TIMEOUT' : 'CONNECTION_LOST';
}
