import { isIP } from 'node:net';
import type { Dispatcher } from 'undici';
import { describeError } from '../core/errors.ts';
import { forbiddenAddress, isAllowed, type AddressRules } from './address.ts';
import { SourceError } from './errors.ts';
import { Response } from './response.ts';

/** An answer: its head, and its body as it arrives. */
export interface Answer {
  status: number;
  header(name: string): string | undefined;
  body: AsyncIterable<Uint8Array> & { destroy(): void };
}

const redirects = new Set([301, 302, 303, 307, 308]);
const MAX_REDIRECTS = 5;

interface RequestOptions {
  addresses: AddressRules;
  /** Default: GET. */
  method?: 'GET' | 'HEAD';
  headers?: Record<string, string>;
  signal?: AbortSignal | undefined;
}

/**
 * Requests a URL and follows redirects. The rules for addresses apply to every hop.
 * @throws SourceError
 */
export async function get(agent: Dispatcher, address: string, options: RequestOptions): Promise<Answer> {
  let url = new URL(address);
  for (let hops = 0; hops <= MAX_REDIRECTS; hops += 1) {
    requireAllowed(url, options.addresses);
    const answer = await getOnce(agent, url, options);
    if (!redirects.has(answer.status)) return answer;
    discard(answer);
    const next = answer.header('location');
    if (next === undefined || !URL.canParse(next, url.href)) {
      throw new SourceError('unusable', `${url.host} redirects without a valid location`);
    }
    url = new URL(next, url);
  }
  throw new SourceError('unusable', `more than ${MAX_REDIRECTS} redirects, the last one to ${url.host}`);
}

/** Closes the connection of an answer whose body is not needed. */
export function discard(answer: Answer): void {
  answer.body.destroy();
}

/** Checks the protocol and a literal address. Names are checked when they are resolved. */
function requireAllowed(url: URL, addresses: AddressRules): void {
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new SourceError('forbidden', `clips are not fetched by ${url.protocol}`);
  }
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(host) !== 0 && !isAllowed(host, addresses)) throw forbiddenAddress(url.host, host);
}

async function getOnce(
  agent: Dispatcher,
  { origin, pathname, search, host }: URL,
  { method = 'GET', headers, signal }: RequestOptions,
): Promise<Answer> {
  const response = new Response(signal);
  try {
    const path = pathname + search;
    agent.dispatch({ origin, path, method, headers: { 'accept-encoding': 'identity', ...headers } }, response);
    const head = await response.head();
    const header = (name: string) => {
      const value = head.headers[name];
      return Array.isArray(value) ? value[0] : value;
    };
    return { status: head.status, header, body: response };
  } catch (error) {
    if (error instanceof SourceError) throw error;
    // A proxy agent wraps the error of the lookup.
    if (error instanceof Error && error.cause instanceof SourceError) throw error.cause;
    throw new SourceError('broken', `${host}: ${describeError(error)}`, { cause: error });
  }
}
