import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { answerText } from '../apixo/answer-text.ts';
import { parseJson } from '../apixo/read/json.ts';
import { findTaskId } from '../apixo/read/task-id.ts';
import { readCallbackPath, type CallbackPathOptions } from '../callbacks/path.ts';
import { metrics } from '../core/metrics.ts';
import { withTimeout } from '../core/timeouts.ts';
import type { Attempt } from '../ledger/attempts.ts';
import type { HintResult } from '../operations/callback-hint.ts';

export interface CallbackReceiver {
  prefix: string;
  /** Path of CLIPMILL_CALLBACK_URL, without a trailing slash. */
  basePath: string;
  /** Returns the secrets; `undefined` until they are read from Redis. */
  secrets(): readonly string[] | undefined;
  /** Records the hint; rejects, or does not settle in time, while Redis is unavailable. */
  receive(attempt: Attempt, taskId: string | undefined): Promise<HintResult>;
  /** Time limit for the body, in milliseconds; a slower callback is a hint without a task id. Default 5,000. */
  bodyMs?: number;
  /** Time limit for recording a hint, in milliseconds; the API waits 30 s, then retries. Default 4,000. */
  recordMs?: number;
}

/** Longest body that is read, in bytes; a status answer has a few hundred. */
const MAX_BODY_BYTES = 65_536;
const TASK_ID = /^[\x21-\x7e]{1,128}$/;

/** Returns whether a URL belongs to the callback routes, whether its path is valid or not. */
export function isCallbackPath(url: string, basePath: string): boolean {
  return url.startsWith(`${basePath}/cb/`);
}

/**
 * Answers callbacks, and 404 to everything else. A callback is a hint: it triggers the poll of the attempt in its path,
 * and the authenticated GET of that poll decides. The status is 200 once Redis has the hint, and 503 while Redis is
 * unavailable. A forged path costs a few microseconds, no Redis command and no log line.
 */
export function callbackHandler(receiver: CallbackReceiver): RequestListener {
  return (request, response) => {
    void handle(receiver, request, response);
  };
}

async function handle(receiver: CallbackReceiver, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const secrets = receiver.secrets();
  if (!secrets) return finish(request, response, 503, 'unavailable');
  const options: CallbackPathOptions = { prefix: receiver.prefix, secrets };
  const attempt = readCallbackPath(request.url ?? '', receiver.basePath, options);
  if (!attempt) return finish(request, response, 404, 'forged');
  if (request.method !== 'POST') {
    response.setHeader('Allow', 'POST');
    return finish(request, response, 405, 'forged');
  }
  const taskId = readTaskId(await readBody(request, receiver.bodyMs ?? 5_000));
  try {
    finish(
      request,
      response,
      200,
      await withTimeout(receiver.receive(attempt, taskId), { ms: receiver.recordMs ?? 4_000 }),
    );
  } catch {
    // Redis is unavailable, which its connection logs.
    finish(request, response, 503, 'unavailable');
  }
}

function finish(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  result: HintResult | 'forged' | 'unavailable',
): void {
  metrics.callbacks.inc({ result });
  // The rest of a body is not read: the connection closes after the response.
  if (!request.complete) response.setHeader('Connection', 'close');
  response.writeHead(status, { 'Content-Length': 0 }).end(() => {
    if (!request.complete) setTimeout(() => request.socket.destroy(), LINGER_MS).unref();
  });
}

/** Delay before the connection of a partly read request is destroyed, in milliseconds, so that the response arrives. */
const LINGER_MS = 500;

/** Reads the body; resolves with `undefined` if it is compressed, too long or too slow. */
async function readBody(request: IncomingMessage, ms: number): Promise<string | undefined> {
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') return undefined;
  return await new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const stop = (text: string | undefined) => {
      clearTimeout(timer);
      request.off('data', onData).off('end', onEnd).off('error', onLost).off('close', onLost);
      // Without a listener, a connection error would end the process.
      request.on('error', () => {});
      if (text === undefined) request.pause();
      resolve(text);
    };
    const onLost = () => stop(undefined);
    const timer = setTimeout(onLost, ms);
    const onEnd = () => stop(answerText(Buffer.concat(chunks), {}, MAX_BODY_BYTES));
    const onData = (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_BODY_BYTES) stop(undefined);
      else chunks.push(chunk);
    };
    request.on('data', onData).on('end', onEnd).on('error', onLost).on('close', onLost);
  });
}

/**
 * Returns the task id of a callback, read as leniently as that of the answer to a submission: an id that only one of
 * them can read would leave a lost answer held.
 */
function readTaskId(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const id = findTaskId(parseJson(text), true);
  return id !== undefined && TASK_ID.test(id) ? id : undefined;
}
