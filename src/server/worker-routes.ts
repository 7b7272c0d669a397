import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { registry } from '../core/metrics.ts';
import { authorized, allowsHost, type HostRule } from './access.ts';
import type { Health, HealthReport } from './health.ts';

export interface WorkerRoutes {
  health: Health;
  /** Required for `/metrics` if it is set. */
  token: string | undefined;
  hosts: HostRule;
}

/** Serves `/healthz`, `/readyz` and `/metrics` of a worker with `node:http` alone: a framework would cost memory. */
export function workerHandler(routes: WorkerRoutes): RequestListener {
  return (request, response) => {
    answer(routes, request, response).catch(() => response.destroy());
  };
}

async function answer(routes: WorkerRoutes, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { health, token, hosts } = routes;
  // No route reads a body.
  request.resume();
  if (!allowsHost(request, hosts))
    return send(
      response,
      421,
      'the Host of the request is not this server: set CLIPMILL_PUBLIC_URL to the URL that clients use\n',
    );
  if (request.method !== 'GET' && request.method !== 'HEAD') return send(response, 405, '', { Allow: 'GET, HEAD' });
  const path = (request.url ?? '').split('?', 1)[0];
  if (path === '/healthz') return sendReport(response, health.alive());
  if (path === '/readyz') return sendReport(response, await health.ready());
  if (path !== '/metrics') return send(response, 404, '');
  if (!authorized(request.headers.authorization, token))
    return send(response, 401, '', { 'WWW-Authenticate': 'Bearer' });
  send(response, 200, await registry.metrics(), { 'Content-Type': registry.contentType });
}

function sendReport(response: ServerResponse, report: HealthReport): void {
  send(response, report.ok ? 200 : 503, JSON.stringify(report), { 'Content-Type': 'application/json' });
}

function send(response: ServerResponse, status: number, body: string, headers: Record<string, string> = {}): void {
  response.writeHead(status, { ...headers, 'Content-Length': Buffer.byteLength(body), 'Cache-Control': 'no-store' });
  response.end(body);
}
