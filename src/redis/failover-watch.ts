import { Redis } from 'ioredis';
import type { ClientOptions } from './client-options.ts';

const SWITCHED = '+switch-master';

/**
 * Subscribes to the fail-over messages of the sentinels, with one connection to each for a client and all its
 * duplicates, and makes them connect to the new master at once. Without it they would write to the old master until
 * that refuses a write, and those records would be lost.
 *
 * The `failoverDetector` of ioredis opens three connections per client, and ends a client for good that is connecting
 * when the message comes.
 */
export class FailoverWatch {
  readonly #clients = new Set<Redis>();
  readonly #listeners: Redis[];

  constructor({ sentinels = [], sentinelUsername, sentinelPassword, sentinelTLS, name }: ClientOptions) {
    this.#listeners = sentinels.map(({ host = '127.0.0.1', port = 26_379 }) => {
      const listener = new Redis({
        host,
        port,
        ...(sentinelUsername && { username: sentinelUsername }),
        ...(sentinelPassword && { password: sentinelPassword }),
        ...(sentinelTLS && { tls: sentinelTLS }),
        connectionName: 'clipmill',
        enableReadyCheck: false,
        retryStrategy: () => 1_000,
        maxRetriesPerRequest: null,
      });
      listener.on('error', () => {});
      listener.on('message', (channel: string, message: string) => {
        if (channel === SWITCHED && message.startsWith(`${name} `)) this.#reconnect();
      });
      listener.subscribe(SWITCHED).catch(() => {});
      return listener;
    });
  }

  /** Adds a client and every duplicate of it, such as those of BullMQ. */
  add(client: Redis): void {
    this.#clients.add(client);
    client.on('end', () => this.#remove(client));
    const duplicate = client.duplicate.bind(client);
    client.duplicate = (override) => {
      const copy = duplicate(override);
      this.add(copy);
      return copy;
    };
  }

  #remove(client: Redis): void {
    this.#clients.delete(client);
    if (this.#clients.size === 0) for (const listener of this.#listeners) listener.disconnect();
  }

  #reconnect(): void {
    // A client that is connecting finds the new master itself.
    for (const client of this.#clients) if (client.status === 'ready') client.disconnect(true);
  }
}
