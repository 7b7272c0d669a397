import { UserError } from './errors.ts';

/** Hosts that bypass every proxy, because loopback is another machine there. */
const LOOPBACK = 'localhost,127.0.0.1,[::1]';

/** The proxies of this process, in the form of undici's EnvHttpProxyAgent; '' means none. */
export interface ProxySettings {
  httpProxy: string;
  httpsProxy: string;
  noProxy: string;
}

/**
 * Reads HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY, in upper or lower case.
 * @returns `undefined` if no proxy is set
 * @throws UserError if one of them is not the URL of an HTTP proxy
 */
export function proxySettings(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): ProxySettings | undefined {
  const read = (name: string) => environment[name.toLowerCase()]?.trim() || environment[name]?.trim() || '';
  const all = proxyUrl('ALL_PROXY', read('ALL_PROXY'));
  const httpProxy = proxyUrl('HTTP_PROXY', read('HTTP_PROXY')) || all;
  const httpsProxy = proxyUrl('HTTPS_PROXY', read('HTTPS_PROXY')) || httpProxy;
  if (!httpProxy && !httpsProxy) return undefined;
  const direct = read('NO_PROXY');
  const noProxy = direct === '*' ? direct : [direct, LOOPBACK].filter((hosts) => hosts !== '').join(',');
  return { httpProxy, httpsProxy, noProxy };
}

/** `proxy:3128` is short for `http://proxy:3128`, as in other tools. */
function proxyUrl(name: string, text: string): string {
  if (text === '') return '';
  const url = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  if (/^https?:\/\//i.test(url) && URL.canParse(url)) return url;
  throw new UserError(`${name} is not the URL of an HTTP proxy`, {
    cure: `Write it as http://HOST:PORT or http://USER:PASSWORD@HOST:PORT, or unset it.`,
  });
}

/** Returns the proxy for a URL; `undefined` if NO_PROXY names its host, a domain of it, or `*`. */
export function proxyOf({ protocol, hostname, port }: URL, settings: ProxySettings): string | undefined {
  const ownPort = port || (protocol === 'https:' ? '443' : '80');
  const direct = settings.noProxy.split(/[\s,]+/).some((entry) => {
    if (entry === '*') return true;
    const [, host = entry, entryPort] = /^(.+):(\d+)$/.exec(entry) ?? [];
    const domain = host.replace(/^\*?\./, '').toLowerCase();
    if (domain === '' || (entryPort !== undefined && entryPort !== ownPort)) return false;
    return hostname === domain || hostname.endsWith(`.${domain}`);
  });
  if (direct) return undefined;
  return (protocol === 'https:' ? settings.httpsProxy : settings.httpProxy) || undefined;
}
