import type { ApixoClient } from '../apixo/client.ts';
import { ApixoError, type ErrorKind } from '../apixo/errors.ts';
import type { Conditions } from '../ledger/conditions.ts';

/** Errors that show an outage of the API, or an obstacle on the way to it. */
const failing: ReadonlySet<ErrorKind> = new Set<ErrorKind>([
  'unreachable',
  'network-refused',
  'unavailable',
  'server-error',
  'ambiguous',
]);
/** Age of the last successful answer up to which a failing one is not reported, in milliseconds. */
const RECENT_MS = 5_000;

/** Wraps the client so that each call records in the conditions whether the API works. */
export function watchApi(api: ApixoClient, conditions: Pick<Conditions, 'raise' | 'clear'>): ApixoClient {
  let answeredAt = -Infinity;
  async function watch<Result>(call: Promise<Result>): Promise<Result> {
    try {
      const result = await call;
      answeredAt = performance.now();
      conditions.clear('api');
      return result;
    } catch (error) {
      if (error instanceof ApixoError) note(error);
      throw error;
    }
  }

  function note(error: ApixoError): void {
    if (!failing.has(error.kind)) {
      answeredAt = performance.now();
      conditions.clear('api');
    } else if (performance.now() - answeredAt > RECENT_MS) {
      const { message, cure } = describeOutage(error);
      conditions.raise('api', message, cure);
    }
  }

  return {
    generate: (...args) => watch(api.generate(...args)),
    status: (...args) => watch(api.status(...args)),
    account: (...args) => watch(api.account(...args)),
    close: () => api.close(),
  };
}

const certificate = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER|ALTNAME/;
const NO_PROXY_HINT = 'Behind a proxy set HTTPS_PROXY.';

/** Returns the message and the cure for an outage of the API. */
function describeOutage({ kind, code, message }: ApixoError): { message: string; cure: string } {
  if (kind === 'unreachable') {
    return { message: `the API cannot be reached: ${message}`, cure: cureOf(code) };
  }
  if (kind === 'network-refused') {
    return {
      message: `a proxy or firewall refuses requests to the API: ${message}`,
      cure: 'Set HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT as your network needs it.',
    };
  }
  return { message: `the API fails: ${message}`, cure: 'Wait: requests are retried automatically.' };
}

function cureOf(code: string): string {
  if (certificate.test(code)) {
    return 'Its certificate is not trusted: if a company proxy or a private CA issued it, set NODE_EXTRA_CA_CERTS to the CA file.';
  }
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `Check APIXO_BASE_URL and the network. ${NO_PROXY_HINT}`;
  return `Check APIXO_BASE_URL, the network and the firewall. ${NO_PROXY_HINT}`;
}
