import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { z } from 'zod';
import { readCallbackPath, type CallbackPathOptions } from '../callbacks/path.ts';
import { metrics } from '../core/metrics.ts';
import type { Attempt } from '../ledger/attempts.ts';

/** Result of a callback, as the counter labels it. */
export type CallbackResult = 'wake' | 'taught' | 'late' | 'probe';

export interface CallbackReceiver {
  prefix: string;
  /** Path of CLIPMILL_CALLBACK_URL, without a slash at its end. */
  basePath: string;
  /** Returns `undefined` until they have been read from Redis. */
  secrets(): readonly string[] | undefined;
  /** Records the hint; rejects, or does not settle in time, while Redis is away. */
  receive(attempt: Attempt, taskId: string | undefined): Promise<CallbackResult>;
  /** Time for the body, in milliseconds; a callback with a slower one is a hint without a task id. Default 5,000. */
  bodyMs?: number;
  /** Time for Redis to record a hint, in milliseconds; the API waits 30 s, and tries again. Default 4,000. */
  recordMs?: number;
}

/** Longest body that is read, in bytes: a status answer has a few hundred. */
const MAX_BODY_BYTES = 65_536;
const TASK_ID = /^[\x21-\x7e]{1,128}$/;
const named = z.object({ taskId: z.string().regex(TASK_ID) });
const body = z.union([
  z.object({ data: named }).transform(({ data }) => data.taskId),
  named.transform((it) => it.taskId),
]);

/** Returns whether a request is for the callback routes, with a valid path or not. */
export function isCallbackPath(url: string, basePath: string): boolean {
  return url.startsWith(`${basePath}/cb/`);
}

/**
 * Answers callbacks, and 404 to everything else. A callback is a hint: it wakes the poll of the attempt that
 * its path stands for, and the authenticated GET of that poll decides. Exactly 200 once Redis has the hint;
 * 503 while Redis is away; a wrong path costs a few microseconds, no Redis command and no log line.
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
    finish(request, response, 200, await within(receiver.receive(attempt, taskId), receiver.recordMs ?? 4_000));
  } catch {
    // Redis is away: its own connection logs that.
    finish(request, response, 503, 'unavailable');
  }
}

function finish(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  result: CallbackResult | 'forged' | 'unavailable',
): void {
  metrics.callbacks.inc({ result });
  // What is left of a body is not read: the connection ends with the answer.
  if (!request.complete) response.setHeader('Connection', 'close');
  response.writeHead(status, { 'Content-Length': 0 }).end(() => {
    if (!request.complete) setTimeout(() => request.socket.destroy(), LINGER_MS).unref();
  });
}

/** Between the answer to a request that was not read to its end and the end of its connection, in milliseconds. */
const LINGER_MS = 500;

/** Returns the body, counted as it streams; `undefined` when it is compressed, too long or too slow. */
async function readBody(request: IncomingMessage, ms: number): Promise<string | undefined> {
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') return undefined;
  return await new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const stop = (text: string | undefined) => {
      clearTimeout(timer);
      request.off('data', onData).off('end', onEnd).off('error', onLost).off('close', onLost);
      // Without a listener an error of the connection would end the process.
      request.on('error', () => {});
      if (text === undefined) request.pause();
      resolve(text);
    };
    const onLost = () => stop(undefined);
    const timer = setTimeout(onLost, ms);
    const onEnd = () => stop(Buffer.concat(chunks).toString('utf8'));
    const onData = (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_BODY_BYTES) stop(undefined);
      else chunks.push(chunk);
    };
    request.on('data', onData).on('end', onEnd).on('error', onLost).on('close', onLost);
  });
}

function readTaskId(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  try {
    return body.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

async function within<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('Redis does not answer')), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
