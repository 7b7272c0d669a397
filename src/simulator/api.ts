import type { IncomingMessage, ServerResponse } from 'node:http';
import { generateTask } from './generate-task.ts';
import type { RequestKind } from './records.ts';
import { replies, type Reply } from './reply.ts';
import { bearerKey, header, readBody } from './http.ts';
import { SlidingLimit } from './sliding-window.ts';
import { statusTask } from './status-task.ts';
import type { SimulatorContext } from './context.ts';

const MODEL = 'kling-2-6';
const CREATE = '/api/v1/generateTask/';
const STATUS = '/api/v1/statusTask/';
const BALANCE = '/api/v1/apikeys/current-balance';
/** Longest body of a request, in bytes. */
const MAX_BODY = 1_000_000;

/**
 * Routes and checks requests to the API in the order of a gateway: request limit (429), key (401), model and path
 * (404), method (405), then body (400), credits (400) and tasks in flight (429). Every request with a key counts toward
 * the limit, even with a wrong key or an invalid body, unless the limit itself rejects it.
 */
export class Api {
  readonly #context: SimulatorContext;
  readonly #limit: SlidingLimit;

  constructor(context: SimulatorContext) {
    this.#context = context;
    const { maxRequests, requestWindowMs, speed } = context.settings;
    this.#limit = new SlidingLimit(maxRequests, requestWindowMs / speed);
  }

  handle(request: IncomingMessage, response: ServerResponse, url: string): void {
    const { timeline, recorder, faults, replier } = this.#context;
    const kind = kindOf(url);
    recorder.apiRequest(kind, timeline.now());
    if (faults.down) {
      request.socket.destroy();
      return;
    }
    // Ends tasks that are due, even if their timer is late.
    timeline.settle();
    const refusal = this.#refuse(request, kind, url);
    if (refusal || kind !== 'create') {
      replier.send(request, response, refusal ?? this.#answer(kind, url));
      return;
    }
    readBody(request, MAX_BODY, (body) => {
      timeline.settle();
      replier.send(request, response, this.#create(request, body));
    });
  }

  #refuse(request: IncomingMessage, kind: RequestKind, url: string): Reply | undefined {
    const { timeline, recorder, faults, account, settings } = this.#context;
    const key = bearerKey(request);
    if (key !== undefined && !this.#limit.admit(timeline.now())) {
      recorder.refused.rate++;
      const { maxRequests, requestWindowMs } = settings;
      return replies.error(
        429,
        `Rate limit exceeded: ${maxRequests} requests in ${requestWindowMs / 1000} s. Wait and retry.`,
      );
    }
    if (key === undefined || faults.badKey || !account.accepts(key)) {
      recorder.refused.key++;
      return replies.error(401);
    }
    const missing = this.#missing(kind, url);
    if (missing !== undefined) {
      recorder.refused.notFound++;
      return replies.error(404, missing);
    }
    return request.method === (kind === 'create' ? 'POST' : 'GET')
      ? undefined
      : replies.error(405, 'Method not allowed');
  }

  #missing(kind: RequestKind, url: string): string | undefined {
    if (kind === 'other') return 'Not found';
    if (kind === 'balance') return this.#context.settings.balanceEndpoint ? undefined : 'Not found';
    const mark = url.indexOf('?');
    const model = url.slice(kind === 'create' ? CREATE.length : STATUS.length, mark < 0 ? undefined : mark);
    return model === MODEL ? undefined : `Model not found: ${model}`;
  }

  #answer(kind: RequestKind, url: string): Reply {
    const { account, faults } = this.#context;
    if (kind === 'status') return statusTask(this.#context, url);
    return replies.ok(JSON.stringify({ code: 200, message: 'success', data: faults.noCredit ? 0 : account.balance }));
  }

  #create(request: IncomingMessage, body: string | undefined): Reply {
    const { recorder } = this.#context;
    if (body !== undefined && header(request, 'content-type')?.toLowerCase().startsWith('application/json'))
      return generateTask(this.#context, body);
    recorder.refused.invalid++;
    return body === undefined
      ? replies.error(413, `The body is longer than ${MAX_BODY} bytes`)
      : replies.error(400, 'Invalid parameters: Content-Type must be application/json');
  }
}

function kindOf(url: string): RequestKind {
  if (url.startsWith(STATUS)) return 'status';
  if (url.startsWith(CREATE)) return 'create';
  return url === BALANCE || url.startsWith(`${BALANCE}?`) ? 'balance' : 'other';
}
