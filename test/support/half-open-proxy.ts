import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** A TCP proxy that can fail as networks do. */
export interface HalfOpenProxy {
  port: number;
  /**
   * Nothing passes any more in either direction, no connection ends, and new ones are accepted: what a
   * firewall does that forgot its connections, or a host that hangs.
   */
  freeze(): void;
  /** The same, the moment before a client's command with this word in it would pass. Resolves then. */
  freezeBefore(word: string): Promise<void>;
  /** Everything passes again, also what was on its way when it froze. */
  thaw(): void;
  /** Ends all connections and accepts none: what a host does whose program is gone. */
  refuse(): Promise<void>;
  accept(): Promise<void>;
  /** Ends all connections, and each new one after its first words: what a forwarder does whose target is gone. */
  hangUp(): void;
}

export async function halfOpenProxy(targetPort: number): Promise<HalfOpenProxy> {
  const sockets = new Set<Socket>();
  let frozen = false;
  let hangingUp = false;
  let server: Server | undefined;
  let trap: { word: string; sprung: () => void } | undefined;

  function keep(socket: Socket): Socket {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    if (frozen) socket.pause();
    return socket;
  }

  function freeze(): void {
    frozen = true;
    for (const socket of sockets) socket.pause();
  }

  function pass(from: Socket, to: Socket): void {
    from.on('data', (chunk: Buffer) => {
      if (trap && chunk.includes(trap.word)) {
        freeze();
        trap.sprung();
        trap = undefined;
        from.unshift(chunk);
        return;
      }
      to.write(chunk);
    });
    from.on('close', () => to.destroy());
    // Listening for data lets it flow.
    if (frozen) from.pause();
  }

  async function listen(port: number): Promise<number> {
    server = createServer((client) => {
      if (hangingUp) {
        keep(client).once('data', () => client.end());
        return;
      }
      const upstream = connect(targetPort, '127.0.0.1');
      pass(keep(client), keep(upstream));
      pass(upstream, client);
    }).listen(port, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }

  async function refuse(): Promise<void> {
    const closed = server?.listening ? once(server, 'close') : undefined;
    server?.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  }

  const port = await listen(0);
  onTestFinished(refuse);
  return {
    port,
    freeze,
    freezeBefore: (word) => new Promise((sprung) => (trap = { word, sprung })),
    thaw() {
      frozen = false;
      for (const socket of sockets) socket.resume();
    },
    refuse,
    async accept() {
      hangingUp = false;
      if (!server?.listening) await listen(port);
    },
    hangUp() {
      hangingUp = true;
      for (const socket of sockets) socket.end();
    },
  };
}
