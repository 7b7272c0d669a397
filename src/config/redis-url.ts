/** One address of a server. */
export interface Address {
  host: string;
  port: number;
}

/** The Redis of `REDIS_URL`. Credentials are decoded; `tls` is set for `rediss…`. */
export type RedisTarget = {
  username?: string;
  password?: string;
} & (
  | { kind: 'server'; tls: boolean; address: Address; db: number }
  | { kind: 'socket'; path: string; db: number }
  | {
      kind: 'sentinel';
      tls: boolean;
      sentinels: Address[];
      /** Name of the monitored master. */
      name: string;
      db: number;
      sentinelUsername?: string;
      sentinelPassword?: string;
    }
  | { kind: 'cluster'; tls: boolean; nodes: Address[] }
);

const FORMS = 'redis://, rediss://, unix://, redis+sentinel:// or redis+cluster:// (rediss+… for TLS)';
const PARAMETERS = ['username', 'password', 'db', 'sentinel_username', 'sentinel_password'] as const;

/**
 * Parses any form of `REDIS_URL`:
 * - `redis://[user:password@]host[:port][/db]`, `rediss://…` (TLS)
 * - `unix:///path/to/redis.sock[?db=0]`; a path that begins with `.` is relative to the working folder
 * - `redis+sentinel://[user:password@]host[:26379],host…/master-name[/db]`
 * - `redis+cluster://[user:password@]host[:port],host…` (both also as `rediss+…`)
 *
 * A password may contain `@`, `:` and `/` unencoded; `?` and `%` must be percent-encoded.
 * @throws Error that describes the problem and quotes no credentials
 */
export function parseRedisUrl(text: string): RedisTarget {
  const scheme = /^(unix|rediss?(?:\+(?:sentinel|cluster))?):\/\/(?=.)/.exec(text)?.[1];
  if (!scheme) throw new Error(`must begin with ${FORMS}`);
  const [main, query = ''] = splitAt(text.slice(scheme.length + 3), '?');
  if (query.includes('@') && !main.includes('@')) throw new Error('a "?" in user or password must be written %3F');
  const parameters = parseQuery(query);
  if (scheme === 'unix') return parseSocket(main, parameters);

  const slash = main.indexOf('/', main.lastIndexOf('@') + 1);
  const authority = slash < 0 ? main : main.slice(0, slash);
  const path = slash < 0 ? '' : main.slice(slash + 1).replace(/\/$/, '');
  const at = authority.lastIndexOf('@');
  const credentials = parseCredentials(at < 0 ? '' : authority.slice(0, at), parameters);
  const tls = scheme.startsWith('rediss');
  const hosts = authority.slice(at + 1);

  if (scheme.endsWith('sentinel')) {
    const [name = '', ...rest] = path.split('/');
    return {
      kind: 'sentinel',
      tls,
      ...credentials,
      sentinels: parseHosts(hosts, 26_379),
      name: decode(name) || 'mymaster',
      db: parseDb(rest.length > 0 ? rest.join('/') : parameters.get('db')),
      ...optional('sentinelUsername', parameters.get('sentinel_username')),
      ...optional('sentinelPassword', parameters.get('sentinel_password')),
    };
  }
  if (scheme.endsWith('cluster')) {
    if (parseDb(path || parameters.get('db')) !== 0) throw new Error('a cluster has only database 0');
    return { kind: 'cluster', tls, ...credentials, nodes: parseHosts(hosts, 6_379) };
  }
  const [address, another] = parseHosts(hosts, 6_379);
  if (!address || another) {
    throw new Error('several hosts need redis+sentinel://h1,h2/master-name or redis+cluster://h1,h2');
  }
  return { kind: 'server', tls, ...credentials, address, db: parseDb(path || parameters.get('db')) };
}

function parseSocket(main: string, parameters: ReadonlyMap<string, string>): RedisTarget {
  const at = main.indexOf('@/');
  const credentials = parseCredentials(at < 0 ? '' : main.slice(0, at), parameters);
  return {
    kind: 'socket',
    ...credentials,
    path: at < 0 ? main : main.slice(at + 1),
    db: parseDb(parameters.get('db')),
  };
}

function parseHosts(text: string, defaultPort: number): Address[] {
  return text.split(',').map((entry) => {
    const { host, bare, port } =
      /^(?:\[(?<host>[\dA-Fa-f:.%]+)\]|(?<bare>[^:[\]\s]+))(?::(?<port>.*))?$/.exec(entry)?.groups ?? {};
    const name = host ?? bare;
    if (name === undefined) throw new Error(entry === '' ? 'has no host' : `"${entry}" is not a host`);
    return { host: name, port: port === undefined ? defaultPort : parsePort(port) };
  });
}

function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) throw new Error('its port must be a number from 1 to 65535');
  return port;
}

function parseDb(text: string | undefined): number {
  if (text === undefined || text === '') return 0;
  if (/^\d{1,5}$/.test(text)) return Number(text);
  throw new Error(`database "${text}" must be a number: redis://host:6379/0`);
}

function parseCredentials(text: string, parameters: ReadonlyMap<string, string>) {
  const [user, password] = splitAt(text, ':');
  return {
    ...optional('username', parameters.get('username') ?? decode(user)),
    ...optional('password', parameters.get('password') ?? decode(password ?? '')),
  };
}

function parseQuery(query: string): Map<string, string> {
  const parameters = new Map(new URLSearchParams(query));
  for (const name of parameters.keys()) {
    if (!(PARAMETERS as readonly string[]).includes(name)) {
      throw new Error(`parameter "${name}" is unknown: known parameters are ${PARAMETERS.join(', ')}`);
    }
  }
  return parameters;
}

function optional<Name extends string>(name: Name, value: string | undefined): { [Key in Name]?: string } {
  return (value ? { [name]: value } : {}) as { [Key in Name]?: string };
}

function splitAt(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Error('a "%" in user, password or name must be written %25');
  }
}
