import type { ApixoClient } from '../apixo/client.ts';
import { ApixoError, type ErrorKind } from '../apixo/errors.ts';
import type { Conditions } from '../ledger/conditions.ts';

/** Kinds of errors that show an outage of the API, or of the network path to it. */
const failing: ReadonlySet<ErrorKind> = new Set<ErrorKind>([
  'unreachable',
  'network-refused',
  'unavailable',
  'server-error',
  'ambiguous',
]);
/** Time after a successful answer in which failures raise no condition, in milliseconds. */
const RECENT_MS = 5_000;

/** Wraps the client so that its calls raise the condition `api` during an outage, and clear it afterwards. */
export function watchApi(api: ApixoClient, conditions: Pick<Conditions, 'raise' | 'clear'>): ApixoClient {
  let answeredAt = -Infinity;
  async function watch<Result>(call: Promise<Result>): Promise<Result> {
    try {
      const result = await call;
      answeredAt = performance.now();
      conditions.clear('api');
      return result;
    } catch (error) {
      if (error instanceof ApixoError) recordError(error);
      throw error;
    }
  }

  function recordError(error: ApixoError): void {
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
const PROXY_HINT = 'Behind a proxy, set HTTPS_PROXY.';

/** Returns the message and the cure for an outage of the API. */
function describeOutage({ kind, code, message }: ApixoError): { message: string; cure: string } {
  if (kind === 'unreachable') {
    return { message: `the API cannot be reached: ${message}`, cure: cureOf(code) };
  }
  if (kind === 'network-refused') {
    return {
      message: `a proxy or firewall refuses requests to the API: ${message}`,
      cure: 'If your network requires a proxy, set HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT.',
    };
  }
  return { message: `the API fails: ${message}`, cure: 'Wait: requests are retried automatically.' };
}

function cureOf(code: string): string {
  if (certificate.test(code)) {
    return 'Its certificate is not trusted: if a company proxy or a private CA issued it, set NODE_EXTRA_CA_CERTS to the CA file.';
  }
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `Check APIXO_BASE_URL and the network. ${PROXY_HINT}`;
  return `Check APIXO_BASE_URL, the network and the firewall. ${PROXY_HINT}`;
}
