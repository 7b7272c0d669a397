import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A connection through a proxy, from one party to another. */
interface Link {
  from: string;
  to: string;
  ends: readonly [Socket, Socket];
}

/**
 * A proxy before every server, which tells its callers apart: servers call from an address of their own
 * (`bind-source-addr`), workers by the user that they log in as. So the network can be split in two.
 */
export class ProxyNetwork {
  readonly #count: number;
  readonly #servers: Server[] = [];
  readonly #links = new Set<Link>();
  #side: ReadonlySet<string> = new Set();

  /** @param busPorts the ports of the cluster bus of the same servers, in the same order */
  static async open(ports: readonly number[], busPorts: readonly number[] = []): Promise<ProxyNetwork> {
    const links = new ProxyNetwork(ports.length);
    for (const [index, port] of [...ports, ...busPorts].entries()) {
      const at = index % ports.length;
      const server = createServer((client) => links.#accept(client, at, port)).listen(0, '127.0.0.1');
      await once(server, 'listening');
      links.#servers.push(server);
    }
    return links;
  }

  private constructor(count: number) {
    this.#count = count;
  }

  /** Where a server calls from. */
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

  /** Cuts these servers and this user off from all others. What was under way is lost, nothing is refused: silence. */
  split(servers: readonly number[], user: string): void {
    this.#side = new Set([...servers.map((at) => this.addressOf(at)), user]);
    for (const link of this.#links) if (this.#isCut(link)) for (const end of link.ends) end.pause();
  }

  heal(): void {
    this.#side = new Set();
    for (const { ends } of this.#links) for (const end of ends) end.destroy();
  }

  async close(): Promise<void> {
    for (const { ends } of this.#links) for (const end of ends) end.destroy();
    await Promise.all(this.#servers.map((server) => server.close() && once(server, 'close')));
  }

  #isCut({ from, to }: Pick<Link, 'from' | 'to'>): boolean {
    return this.#side.size > 0 && this.#side.has(from) !== this.#side.has(to);
  }

  #accept(client: Socket, at: number, port: number): void {
    client.on('error', () => {});
    const address = client.remoteAddress ?? '';
    if (address !== '127.0.0.1') {
      this.#join(client, address, at, port, undefined);
      return;
    }
    // A worker: its first words hold its user.
    client.once('data', (chunk: Buffer) => {
      client.pause();
      this.#join(client, chunk.includes('clipmill-a') ? 'clipmill-a' : 'others', at, port, chunk);
    });
  }

  #join(client: Socket, from: string, at: number, port: number, first: Buffer | undefined): void {
    const upstream = connect(port, '127.0.0.1');
    upstream.on('error', () => {});
    const link: Link = { from, to: this.addressOf(at), ends: [client, upstream] };
    this.#links.add(link);
    const done = () => {
      this.#links.delete(link);
      client.destroy();
      upstream.destroy();
    };
    client.on('close', done);
    upstream.on('close', done);
    if (first) upstream.write(first);
    client.on('data', (chunk) => upstream.write(chunk));
    upstream.on('data', (chunk) => client.write(chunk));
    client.resume();
    if (this.#isCut(link)) for (const end of link.ends) end.pause();
  }
}
