import { createServer, request as forward, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

/**
 * The reply of the proxy to a request: a status with an S3 error code, or silence, without reading the body. `undefined`
 * forwards the request.
 */
export type S3Fault = { status: number; code: string } | 'silence' | undefined;

export interface S3Proxy {
  endpoint: string;
  /** `METHOD /path?query` of every request so far. */
  readonly requests: string[];
  /** Called for every request. */
  fault: (request: IncomingMessage) => S3Fault;
  /** Whether If-None-Match reaches the service. */
  conditions: boolean;
}

/** Starts a proxy for an S3 service that injects faults. It keeps the Host header, so signatures stay valid. */
export async function startS3Proxy(target: string): Promise<S3Proxy> {
  const { hostname, port } = new URL(target);
  const proxy: S3Proxy = { endpoint: '', requests: [], fault: () => undefined, conditions: true };
  const server = createServer((request, response) => {
    proxy.requests.push(`${request.method} ${request.url}`);
    const fault = proxy.fault(request);
    if (fault === 'silence') return;
    if (fault) {
      response.writeHead(fault.status, { 'content-type': 'application/xml' });
      response.end(`<?xml version="1.0"?><Error><Code>${fault.code}</Code><Message>${fault.code}</Message></Error>`);
      return;
    }
    const { method, url: path, headers } = request;
    // A signed header cannot be removed; a value that no object has removes its effect.
    if (!proxy.conditions && headers['if-none-match'] === '*') headers['if-none-match'] = '"none"';
    const onward = forward({ hostname, port, method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    // Swift sends a body with its 404 to HEAD: an error after the head of the answer is ignored.
    onward.on('error', () => {
      if (!response.headersSent) response.destroy();
    });
    request.on('close', () => {
      if (!request.complete) onward.destroy();
    });
    request.pipe(onward);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  proxy.endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return proxy;
}
