import type { RequestListener } from 'node:http';
import type { App } from '../app.ts';
import { CallbackSecrets } from '../callbacks/secrets.ts';
import { isLoopbackHost, type ListenAddress } from '../config/values.ts';
import { Closers } from '../core/closers.ts';
import { collectProcessMetrics, registry } from '../core/metrics.ts';
import { recordHint } from '../operations/callback-hint.ts';
import { AccountMetrics } from './account-metrics.ts';
import { serverHandler } from './routes.ts';
import { callbackHandler, isCallbackPath, type CallbackReceiver } from './callbacks.ts';
import { exposeFreeSpace } from './free-space.ts';
import { createHealth } from './health.ts';
import { listen, type Listener } from './listener.ts';
import { workerHandler } from './worker-routes.ts';

export interface ServerOptions {
  /** Address of the server; `undefined` for no server. */
  listen: ListenAddress | undefined;
  /** Address of the metrics and health of a worker; `undefined` for no such listener. */
  metricsListen?: ListenAddress | undefined;
  /** Returns the faults of the workers of this process, one phrase each. */
  faults?: () => string[];
}

/** The listeners of this process. */
export interface RunningServer {
  /** URL of each listener for this machine. */
  urls: { server?: string; metrics?: string; callbacks?: string };
  /** Makes `/readyz` fail, lets requests finish and closes all connections, within 2 s. */
  close(): Promise<void>;
}

/**
 * Opens the configured listeners: the server on CLIPMILL_LISTEN, the metrics of a worker on CLIPMILL_METRICS_LISTEN,
 * and callbacks on CLIPMILL_CALLBACK_LISTEN, or on CLIPMILL_LISTEN if that is not set.
 * @throws UserError if it cannot listen on an address
 */
export async function startServer(app: App, options: ServerOptions): Promise<RunningServer> {
  const { config } = app;
  const closers = new Closers();
  const listeners: Listener[] = [];
  const urls: RunningServer['urls'] = {};
  const health = createHealth({
    ping: () => app.redis.ping(),
    ...(options.faults && { faults: options.faults }),
  });
  closers.push(() => health.stop());
  collectProcessMetrics();
  if (config.storage.kind === 'file' && app.roles.includes('download')) exposeFreeSpace(config.storage.root);

  async function open(address: ListenAddress, handler: RequestListener, setting: string): Promise<string> {
    const listener = await listen(address, handler, setting);
    listeners.push(listener);
    return listener.url;
  }

  try {
    const receiver =
      config.callbackUrl === undefined ? undefined : await callbackReceiver(app, config.callbackUrl, closers);
    if (options.listen) {
      const account = new AccountMetrics(app);
      const server = serverHandler({
        health,
        token: config.apiToken,
        publicUrl: config.publicUrl,
        log: app.log,
        metrics: async () => ({
          contentType: registry.contentType,
          text: (await registry.metrics()) + (await account.text()),
        }),
      });
      const handler = receiver && !config.callbackListen ? withCallbacks(receiver, server) : server;
      urls.server = await open(options.listen, handler, 'CLIPMILL_LISTEN');
      if (receiver && !config.callbackListen) urls.callbacks = urls.server;
    }
    if (receiver && config.callbackListen) {
      urls.callbacks = await open(config.callbackListen, callbackHandler(receiver), 'CLIPMILL_CALLBACK_LISTEN');
    }
    if (options.metricsListen) {
      const bareNames = !isLoopbackHost(options.metricsListen.host);
      const hosts = { publicUrl: config.publicUrl, bareNames };
      const handler = workerHandler({ health, token: config.apiToken, hosts });
      urls.metrics = await open(options.metricsListen, handler, 'CLIPMILL_METRICS_LISTEN');
    }
  } catch (error) {
    await close();
    throw error;
  }

  async function close(): Promise<void> {
    health.drain();
    await Promise.all(listeners.map((listener) => listener.close()));
    await closers.close();
  }
  return { urls, close };
}

async function callbackReceiver(app: App, callbackUrl: string, closers: Closers): Promise<CallbackReceiver> {
  const secrets = new CallbackSecrets(app);
  closers.push(() => secrets.stop());
  // If Redis is unavailable now, the secrets are read when it is ready.
  if (app.redis.status === 'ready') await secrets.read().catch(() => {});
  return {
    prefix: app.config.prefix,
    basePath: new URL(callbackUrl).pathname.replace(/\/+$/, ''),
    secrets: () => secrets.current(),
    async receive(attempt, taskId) {
      // A command would wait for Redis longer than the API waits for the response.
      if (app.redis.status !== 'ready') throw new Error('Redis is unavailable');
      return await recordHint(app, attempt, taskId);
    },
  };
}

/** Serves callbacks and routes on one listener. A callback may have any Host, as set by a proxy: its MAC protects it. */
function withCallbacks(receiver: CallbackReceiver, server: RequestListener): RequestListener {
  const callbacks = callbackHandler(receiver);
  return (request, response) => {
    const handler = isCallbackPath(request.url ?? '', receiver.basePath) ? callbacks : server;
    handler(request, response);
  };
}
