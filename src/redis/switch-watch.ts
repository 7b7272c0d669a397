import { Redis } from 'ioredis';
import type { ClientOptions } from './client-options.ts';

const SWITCHED = '+switch-master';

/**
 * Listens to the sentinels for fail-overs, one connection each for all clients of a process, and makes the clients
 * leave the old master at once, not when it refuses a write: until then it would take records that are lost.
 *
 * The `failoverDetector` of ioredis does the same with three connections a client, and ends a client for good that
 * is connecting when the message comes.
 */
export class SwitchWatch {
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
        if (channel === SWITCHED && message.startsWith(`${name} `)) this.#leave();
      });
      listener.subscribe(SWITCHED).catch(() => {});
      return listener;
    });
  }

  /** Watches over a client and over every duplicate of it, such as BullMQ makes. */
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

  #leave(): void {
    // One that is connecting finds the new master by itself.
    for (const client of this.#clients) if (client.status === 'ready') client.disconnect(true);
  }
}
