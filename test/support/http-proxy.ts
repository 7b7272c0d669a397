import { createServer, request as forward } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

export interface HttpProxy {
  url: string;
  /** `CONNECT host:port` or `METHOD URL` of every request so far. */
  readonly requests: string[];
}

export interface HttpProxyOptions {
  /** Required `user:password`; other requests get 407. Default: none. */
  user?: string;
  /** Addresses of hosts that only the proxy can resolve. */
  hosts?: Readonly<Record<string, string>>;
}

/** Starts a forward proxy like those of companies: CONNECT for https, the absolute form for http. */
export async function startHttpProxy({ user, hosts = {} }: HttpProxyOptions = {}): Promise<HttpProxy> {
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  const granted = (header: string | undefined) =>
    user === undefined || header === `Basic ${Buffer.from(user).toString('base64')}`;
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    if (!granted(request.headers['proxy-authorization'])) {
      response.writeHead(407).end();
      return;
    }
    const url = new URL(request.url ?? '');
    const { 'proxy-authorization': _own, 'proxy-connection': _hop, ...headers } = request.headers;
    const { method } = request;
    const host = hosts[url.hostname] ?? url.hostname;
    const onward = forward(
      { host, port: url.port || 80, method, path: url.pathname + url.search, headers },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      },
    );
    onward.on('error', () => response.destroy());
    request.pipe(onward);
  });
  server.on('connect', (request, socket: Socket) => {
    requests.push(`CONNECT ${request.url}`);
    socket.on('error', () => {});
    if (!granted(request.headers['proxy-authorization'])) {
      socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
      return;
    }
    const { hostname, port } = new URL(`http://${request.url}`);
    const onward = connect(Number(port || 80), hosts[hostname] ?? hostname, () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      onward.pipe(socket).pipe(onward);
    });
    sockets.add(onward).add(socket);
    onward.on('error', () => socket.destroy());
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.closeAllConnections();
    server.close();
  });
  const port = (server.address() as AddressInfo).port;
  return { url: `http://${user === undefined ? '' : `${user}@`}127.0.0.1:${port}`, requests };
}
