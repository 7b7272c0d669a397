import type { ApixoClient } from '../apixo/client.ts';
import { ApixoError, type ErrorKind } from '../apixo/errors.ts';
import type { Conditions } from '../ledger/conditions.ts';

/** Errors of an API that does not answer, or not as an API. */
const failing: ReadonlySet<ErrorKind> = new Set<ErrorKind>([
  'unreachable',
  'network-refused',
  'unavailable',
  'server-error',
  'ambiguous',
]);
/** A good answer of so long ago shows that one failing answer is bad luck, in milliseconds. */
const FRESH_MS = 5_000;

/** Records in the conditions whether the API answers: every call of the client shows it. */
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
    } else if (performance.now() - answeredAt > FRESH_MS) {
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

/** Returns why the API does not answer, and what to do about it. */
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
  return { message: `the API fails: ${message}`, cure: 'Wait: it is tried again by itself.' };
}

function cureOf(code: string): string {
  if (certificate.test(code)) {
    return 'Its certificate is refused: where a company proxy or an own CA signs it, set NODE_EXTRA_CA_CERTS to the CA file.';
  }
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `Check APIXO_BASE_URL and the network. ${NO_PROXY_HINT}`;
  return `Check APIXO_BASE_URL, the network and the firewall. ${NO_PROXY_HINT}`;
}
