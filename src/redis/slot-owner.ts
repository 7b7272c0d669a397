import { createConnection, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { AbstractConnector, Redis } from 'ioredis';
import type { Address } from '../config/redis-url.ts';
import { describeError } from '../core/errors.ts';
import type { ClientOptions } from './client-options.ts';
import { parseClusterNodes } from './cluster-nodes.ts';

/** Timeout of a node's answer with the layout of the cluster, in milliseconds. */
const NODE_TIMEOUT_MS = 1_000;
/** Delay between two searches for the owner, in milliseconds. */
const RETRY_MS = 250;
/** How long a result is reused, in milliseconds: all connections of a process search at the same time. */
const FRESH_MS = 50;

/**
 * Finds the master that serves the slot of one key. All keys of clipmill share a hash tag, so it needs no other node.
 * All nodes are asked in parallel, and the claim with the highest epoch counts: a master that was replaced while it
 * was frozen or partitioned still claims its slots.
 */
export class SlotOwner {
  readonly #key: string;
  readonly #options: ClientOptions;
  #nodes: readonly Address[];
  #asking: Promise<Address> | undefined;

  constructor(nodes: readonly Address[], key: string, options: ClientOptions) {
    this.#nodes = nodes;
    this.#key = key;
    this.#options = options;
  }

  /** Returns the address of the owner. @throws Error when no node answers, or none of them serves the slot */
  find(): Promise<Address> {
    this.#asking ??= this.#ask();
    const asking = this.#asking;
    const forget = () => {
      const timer = setTimeout(() => {
        if (this.#asking === asking) this.#asking = undefined;
      }, FRESH_MS);
      timer.unref();
    };
    asking.then(forget, forget);
    return asking;
  }

  async #ask(): Promise<Address> {
    const answers = await Promise.allSettled(this.#nodes.map((node) => this.#layoutOf(node)));
    const layouts = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
    const reason = answers.find((answer) => answer.status === 'rejected')?.reason as unknown;
    if (layouts.length === 0) throw new Error(`no node of the cluster answers: ${describeError(reason)}`);
    const masters = layouts.flat().filter(({ flags }) => flags.includes('master'));
    const owner = masters.filter(({ owns }) => owns).toSorted((a, b) => b.epoch - a.epoch)[0];
    if (!owner) throw new Error('no node of the cluster serves the slot of CLIPMILL_PREFIX');
    const known = layouts.flat().map(({ address }) => address);
    this.#nodes = [...new Map([...this.#nodes, ...known].map((node) => [`${node.host}:${node.port}`, node])).values()];
    return owner.address;
  }

  async #layoutOf(node: Address) {
    const { retryStrategy: _retry, reconnectOnError: _reconnect, ...options } = this.#options;
    const redis = new Redis({
      ...options,
      ...node,
      lazyConnect: true,
      retryStrategy: null,
      maxRetriesPerRequest: 0,
      connectTimeout: NODE_TIMEOUT_MS,
      commandTimeout: NODE_TIMEOUT_MS,
    });
    redis.on('error', () => {});
    try {
      await redis.connect();
      const [slot, nodes] = await Promise.all([redis.cluster('KEYSLOT', this.#key), redis.cluster('NODES')]);
      return parseClusterNodes(String(nodes), node.host).map((found) => ({ ...found, owns: found.owns(slot) }));
    } finally {
      redis.disconnect();
    }
  }
}

/** Connector of ioredis, one per client, that finds the owner of the slot for each new connection. */
export class SlotConnector extends AbstractConnector {
  readonly #owner: SlotOwner;
  readonly #tls: ConnectionOptions | undefined;

  constructor(options: unknown) {
    super(2_000);
    const { owner, tls } = options as { owner: SlotOwner; tls?: ConnectionOptions };
    this.#owner = owner;
    this.#tls = tls;
  }

  override async connect(emit: (event: string, error: Error) => void): Promise<Socket> {
    this.connecting = true;
    const address = await this.#findOwner(emit);
    const stream = this.#tls ? connectTls({ ...address, ...this.#tls }) : createConnection(address);
    this.stream = stream;
    stream.once('error', (error: Error) => {
      this.firstError = error;
    });
    return stream;
  }

  /** Searches until there is an owner: ioredis ends a client for good when its connector fails. */
  async #findOwner(emit: (event: string, error: Error) => void): Promise<Address> {
    for (;;) {
      try {
        const address = await this.#owner.find();
        if (this.connecting) return address;
      } catch (error) {
        if (this.connecting) emit('error', error instanceof Error ? error : new Error(String(error)));
      }
      if (!this.connecting) throw new Error('Connection is closed.');
      await sleep(RETRY_MS);
    }
  }
}
