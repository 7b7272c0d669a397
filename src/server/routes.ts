import type { RequestListener } from 'node:http';
import { getRequestListener, type HttpBindings } from '@hono/node-server';
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { secureHeaders } from 'hono/secure-headers';
import type { Logger } from '../core/log.ts';
import { authorized, allowsHost } from './access.ts';
import type { Health } from './health.ts';

export interface ServerRoutes {
  health: Health;
  /** Returns all metrics of this process as Prometheus text. */
  metrics(): Promise<{ contentType: string; text: string }>;
  /** CLIPMILL_API_TOKEN. */
  token: string | undefined;
  /** CLIPMILL_PUBLIC_URL. */
  publicUrl: string | undefined;
  log: Logger;
}

type Bindings = { Bindings: HttpBindings };

/** Largest body that a route accepts, in bytes. */
const MAX_BODY_BYTES = 65_536;

/** Builds the routes of CLIPMILL_LISTEN, except callbacks. Every route refuses a Host other than this server's. */
function serverApp(routes: ServerRoutes): Hono<Bindings> {
  const { health, token, publicUrl, log } = routes;
  const app = new Hono<Bindings>();

  app.use(async (c, next) => {
    if (!allowsHost(c.env.incoming, { publicUrl }))
      return c.text(
        'the Host of the request is not this server: set CLIPMILL_PUBLIC_URL to the URL that clients use\n',
        421,
      );
    return await next();
  });
  app.use(secureHeaders(), bodyLimit({ maxSize: MAX_BODY_BYTES }));
  app.use('/metrics', async (c, next) => {
    if (authorized(c.req.header('authorization'), token)) return await next();
    return c.body(null, 401, { 'WWW-Authenticate': 'Bearer' });
  });

  app.get('/healthz', (c) => {
    const report = health.alive();
    return c.json(report, report.ok ? 200 : 503);
  });
  app.get('/readyz', async (c) => {
    const report = await health.ready();
    return c.json(report, report.ok ? 200 : 503);
  });
  app.get('/metrics', async (c) => {
    const { contentType, text } = await routes.metrics();
    return c.body(text, 200, { 'Content-Type': contentType });
  });
  app.notFound((c) => c.body(null, 404));
  app.onError((error, c) => {
    log.error({ err: error, route: c.req.routePath }, 'request failed');
    return c.body(null, 500);
  });
  return app;
}

export function serverHandler(routes: ServerRoutes): RequestListener {
  // The globals must not be replaced: undici and the AWS SDK use them too.
  const listener = getRequestListener(serverApp(routes).fetch, { overrideGlobalObjects: false });
  return (request, response) => void listener(request, response);
}
