import { Agent as HttpAgent, type AgentOptions, type ClientRequest } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { Readable } from 'node:stream';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { Agent as AnyAgent, type AgentConnectOpts } from 'agent-base';
import { HttpProxyAgent } from 'http-proxy-agent';
import { HttpsProxyAgent } from 'https-proxy-agent';
import { proxyOf, proxySettings, type ProxySettings } from '../../core/proxy.ts';

/**
 * Idle time after which a connection is closed, in milliseconds. It is shorter than that of servers: a server could close
 * the connection just when a request is sent.
 */
const IDLE_MS = 4_000;
/** Maximum size of an answer that is not an object, in bytes: a list of uploads has up to 1 MB, an error far less. */
const MAX_ANSWER = 4 * 1024 * 1024;

export interface HandlerOptions {
  /** Timeout for opening a connection, in milliseconds. */
  connectMs: number;
  /** Timeout for a connection without traffic, in milliseconds. */
  silenceMs: number;
}

/** Creates the HTTP handler of the SDK. It uses the proxies of the environment, and limits the size of answers. */
export function openHandler({ connectMs, silenceMs }: HandlerOptions): NodeHttpHandler {
  // CLIPMILL_DOWNLOADS is the limit of concurrency: the SDK's limit of 50 sockets would be a second, hidden one.
  const options = { keepAlive: true, timeout: IDLE_MS, maxSockets: Number.POSITIVE_INFINITY };
  const proxy = proxySettings();
  const agents = proxy
    ? { httpAgent: new ProxiedAgent(options, proxy), httpsAgent: new ProxiedAgent(options, proxy) }
    : { httpAgent: new HttpAgent(options), httpsAgent: new HttpsAgent(options) };
  return new BoundedHandler({ connectionTimeout: connectMs, socketTimeout: silenceMs, ...agents });
}

/** Connects directly, or through the proxy that the environment sets for a host. */
class ProxiedAgent extends AnyAgent {
  readonly #options: AgentOptions;
  readonly #proxy: ProxySettings;
  readonly #agents = new Map<string, HttpAgent>();

  constructor(options: AgentOptions, proxy: ProxySettings) {
    super(options);
    this.#options = options;
    this.#proxy = proxy;
  }

  override connect(_request: ClientRequest, { secureEndpoint, host, port }: AgentConnectOpts): HttpAgent {
    const url = new URL(`${secureEndpoint ? 'https' : 'http'}://${host?.includes(':') ? `[${host}]` : host}:${port}`);
    const proxy = proxyOf(url, this.#proxy);
    const key = `${url.protocol} ${proxy ?? ''}`;
    let agent = this.#agents.get(key);
    if (!agent) {
      agent = openAgent(secureEndpoint, proxy, this.#options);
      this.#agents.set(key, agent);
    }
    return agent;
  }

  override destroy(): void {
    for (const agent of this.#agents.values()) agent.destroy();
    super.destroy();
  }
}

function openAgent(secure: boolean, proxy: string | undefined, options: AgentOptions): HttpAgent {
  if (proxy === undefined) return secure ? new HttpsAgent(options) : new HttpAgent(options);
  return secure ? new HttpsProxyAgent(proxy, options) : new HttpProxyAgent(proxy, options);
}

/** Aborts answers that are too long: the SDK collects them in memory. */
class BoundedHandler extends NodeHttpHandler {
  override async handle(...args: Parameters<NodeHttpHandler['handle']>): ReturnType<NodeHttpHandler['handle']> {
    const [request] = args;
    const { response } = await super.handle(...args);
    const isList = 'uploads' in request.query || 'list-type' in request.query;
    const isObject = request.method === 'GET' && response.statusCode < 300 && !isList;
    if (!isObject && response.body instanceof Readable) response.body = Readable.from(bounded(response.body));
    return { response };
  }
}

async function* bounded(body: Readable): AsyncGenerator<Buffer> {
  let size = 0;
  for await (const piece of body as AsyncIterable<Buffer>) {
    size += piece.length;
    if (size > MAX_ANSWER) throw new Error(`the service answered with more than ${MAX_ANSWER} bytes`);
    yield piece;
  }
}
