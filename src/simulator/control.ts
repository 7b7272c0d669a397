import type { IncomingMessage, ServerResponse } from 'node:http';
import { describeError } from '../core/errors.ts';
import { queryOf, readBody } from './http.ts';
import type { Records } from './records.ts';

/** Longest body of a request, in bytes. */
const MAX_BODY = 100_000;

/** The operations of the HTTP interface. Those that change settings throw on invalid values. */
export interface Controls {
  readonly records: Records;
  faults(): unknown;
  changeFaults(change: unknown): void;
  changeBalance(value: unknown): void;
}

/**
 * Serves the control paths of the simulator, which require no key:
 * - GET  /_simulator/records          the summary; `?full=1` adds all tasks, deliveries and leaks,
 *                                     `?prompt=…` the tasks of that prompt
 * - GET  /_simulator/faults           the faults in force
 * - POST /_simulator/faults           changes the faults in the JSON body, and returns all
 * - POST /_simulator/balance          `{"balance": USD or null}`
 */
export function serveControl(
  controls: Controls,
  request: IncomingMessage,
  response: ServerResponse,
  url: string,
): void {
  const route = `${request.method} ${url.split('?', 1)[0]}`;
  if (route === 'GET /_simulator/records') sendJson(response, 200, showRecords(controls.records, queryOf(url)));
  else if (route === 'GET /_simulator/faults') sendJson(response, 200, controls.faults());
  else if (route === 'POST /_simulator/faults') {
    change(request, response, (body) => {
      controls.changeFaults(body);
      return controls.faults();
    });
  } else if (route === 'POST /_simulator/balance') {
    change(request, response, (body) => {
      if (typeof body !== 'object' || body === null || !('balance' in body)) throw new Error('balance is missing');
      controls.changeBalance(body.balance);
      return { balance: body.balance };
    });
  } else sendJson(response, 404, { error: 'not found' });
}

function showRecords(records: Records, query: URLSearchParams): unknown {
  const summary = records.summary();
  const prompt = query.get('prompt');
  if (prompt !== null) return { ...summary, tasksOfPrompt: records.tasksFor(prompt) };
  if (query.get('full') !== '1') return summary;
  const { deliveries, leaks } = records;
  return { ...summary, full: { tasks: records.tasks(), deliveries, leaks } };
}

function change(request: IncomingMessage, response: ServerResponse, apply: (body: unknown) => unknown): void {
  readBody(request, MAX_BODY, (text) => {
    try {
      sendJson(response, 200, apply(JSON.parse(text ?? '')));
    } catch (error) {
      sendJson(response, 400, { error: describeError(error) });
    }
  });
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  const body = JSON.stringify(value);
  response.writeHead(status, ['Content-Type', 'application/json', 'Content-Length', String(Buffer.byteLength(body))]);
  response.end(body);
}
