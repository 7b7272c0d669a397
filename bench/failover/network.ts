import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A connection through a proxy. */
interface Connection {
  from: string;
  to: string;
  ends: readonly [Socket, Socket];
}

/**
 * A proxy for every server. The proxies can split the network in two: they identify servers by the address that these
 * connect from (`bind-source-addr`), and workers by the user of their login.
 */
export class ProxyNetwork {
  readonly #count: number;
  readonly #servers: Server[] = [];
  readonly #connections = new Set<Connection>();
  #side: ReadonlySet<string> = new Set();

  /** @param busPorts the ports of the cluster bus of the same servers, in the same order */
  static async open(ports: readonly number[], busPorts: readonly number[] = []): Promise<ProxyNetwork> {
    const network = new ProxyNetwork(ports.length);
    for (const [index, port] of [...ports, ...busPorts].entries()) {
      const at = index % ports.length;
      const server = createServer((client) => network.#accept(client, at, port)).listen(0, '127.0.0.1');
      await once(server, 'listening');
      network.#servers.push(server);
    }
    return network;
  }

  private constructor(count: number) {
    this.#count = count;
  }

  /** Returns the address that a server connects from. */
  addressOf(at: number): string {
    return `127.0.0.${10 + at}`;
  }

  portOf(at: number): number {
    const address = this.#servers[at]?.address() as AddressInfo | undefined;
    if (!address) throw new Error(`no proxy ${at}`);
    return address.port;
  }

  busPortOf(at: number): number {
    return this.portOf(this.#count + at);
  }

  /** Separates these servers and this user from all others: nothing passes, and no connection is closed or refused. */
  split(servers: readonly number[], user: string): void {
    this.#side = new Set([...servers.map((at) => this.addressOf(at)), user]);
    for (const connection of this.#connections)
      if (this.#isCut(connection)) for (const end of connection.ends) end.pause();
  }

  /** Ends the split, and closes all connections. */
  heal(): void {
    this.#side = new Set();
    for (const { ends } of this.#connections) for (const end of ends) end.destroy();
  }

  async close(): Promise<void> {
    for (const { ends } of this.#connections) for (const end of ends) end.destroy();
    await Promise.all(this.#servers.map((server) => server.close() && once(server, 'close')));
  }

  #isCut({ from, to }: Pick<Connection, 'from' | 'to'>): boolean {
    return this.#side.size > 0 && this.#side.has(from) !== this.#side.has(to);
  }

  #accept(client: Socket, at: number, port: number): void {
    client.on('error', () => {});
    const address = client.remoteAddress ?? '';
    if (address !== '127.0.0.1') {
      this.#join(client, address, at, port, undefined);
      return;
    }
    // A worker: its first command contains its user.
    client.once('data', (chunk: Buffer) => {
      client.pause();
      this.#join(client, chunk.includes('clipmill-a') ? 'clipmill-a' : 'others', at, port, chunk);
    });
  }

  #join(client: Socket, from: string, at: number, port: number, first: Buffer | undefined): void {
    const upstream = connect(port, '127.0.0.1');
    upstream.on('error', () => {});
    const connection: Connection = { from, to: this.addressOf(at), ends: [client, upstream] };
    this.#connections.add(connection);
    const done = () => {
      this.#connections.delete(connection);
      client.destroy();
      upstream.destroy();
    };
    client.on('close', done);
    upstream.on('close', done);
    if (first) upstream.write(first);
    client.on('data', (chunk) => upstream.write(chunk));
    upstream.on('data', (chunk) => client.write(chunk));
    client.resume();
    if (this.#isCut(connection)) for (const end of connection.ends) end.pause();
  }
}
