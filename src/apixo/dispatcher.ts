import { EnvHttpProxyAgent, Pool, type Dispatcher } from 'undici';
import type { ProxySettings } from '../core/proxy.ts';

export interface DispatcherOptions {
  connectTimeoutMs: number;
  connections: number;
  proxy: ProxySettings | undefined;
}

/** Opens the connections to one origin, through a proxy where one is set. */
export function openDispatcher(origin: string, options: DispatcherOptions): Dispatcher {
  const { connections, proxy } = options;
  const connect = { timeout: options.connectTimeoutMs };
  if (!proxy) return new Pool(origin, { connections, pipelining: 1, connect });
  return new EnvHttpProxyAgent({
    ...proxy,
    connections,
    pipelining: 1,
    connect,
    proxyTls: connect,
    requestTls: connect,
  });
}
