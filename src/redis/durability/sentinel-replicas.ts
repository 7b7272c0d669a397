import { Redis } from 'ioredis';
import { z } from 'zod';
import type { RedisClient } from '../connect.ts';
import { NotMasterError, type ReplicaView } from './replica-view.ts';

/** How long the answers of the sentinels are reused, in milliseconds: less than the shortest fail-over takes. */
const FRESH_MS = 3_000;
/** Timeout of a sentinel's answer, in milliseconds. */
const ANSWER_MS = 1_000;

/** The master and its replicas in the view of one sentinel. */
interface SentinelView {
  /** Id of the sentinel, which may be listed twice, by host name and by address. */
  id: string;
  /** Run id of the server that it considers the master, if that is up. */
  masterRunId: string | undefined;
  /** Number of sentinels, including this one. */
  sentinels: number;
  /** Addresses of the replicas that it is connected to. */
  replicas: string[];
  /** Addresses of the other sentinels. */
  others: string[];
}

const record = z
  .array(z.string())
  .transform((flat) => new Map(flat.flatMap((name, at) => (at % 2 === 0 ? [[name, flat[at + 1] ?? '']] : []))));

/**
 * The replicas that the sentinels could promote. A majority of the sentinels must consider this server the master:
 * on the minority side of a network partition nothing counts as acknowledged.
 */
export class SentinelReplicas implements ReplicaView {
  readonly #redis: RedisClient;
  readonly #clients = new Map<string, Redis>();
  #promotable: ReadonlySet<string> = new Set();
  #attached: readonly string[] = [];
  #at = Number.NEGATIVE_INFINITY;

  constructor(redis: RedisClient) {
    this.#redis = redis;
    for (const { host, port } of redis.options.sentinels ?? []) this.#add(`${host}:${port}`);
    // When the connection ends for good, the connections to the sentinels are not needed any more.
    redis.on('end', () => this.close());
  }

  attached(addresses: readonly string[]): number {
    this.#attached = addresses;
    return this.#size();
  }

  async expected(runId: string | undefined): Promise<number> {
    if (performance.now() - this.#at > FRESH_MS) await this.refresh(runId);
    return this.#size();
  }

  /** @throws Error when no majority of the sentinels considers this server the master */
  async refresh(runId: string | undefined): Promise<boolean> {
    this.#at = Number.NEGATIVE_INFINITY;
    const before = this.#size();
    const answers = await Promise.allSettled([...this.#clients.values()].map((client) => this.#ask(client)));
    const views = [
      ...new Map(
        answers.flatMap((answer) => (answer.status === 'fulfilled' ? [[answer.value.id, answer.value]] : [])),
      ).values(),
    ];
    for (const address of views.flatMap(({ others }) => others)) this.#add(address);
    const sentinels = Math.max(1, ...views.map((view) => view.sentinels));
    const agreeing = views.filter(({ masterRunId }) => masterRunId !== undefined && masterRunId === runId);
    if (agreeing.length * 2 <= sentinels) {
      const elsewhere = views.filter(({ masterRunId }) => masterRunId !== undefined && masterRunId !== runId);
      const found = `${agreeing.length} of ${sentinels} sentinels consider this server the master`;
      throw elsewhere.length * 2 > sentinels ? new NotMasterError(found) : new Error(found);
    }
    this.#promotable = new Set(views.flatMap(({ replicas }) => replicas));
    this.#at = performance.now();
    return this.#size() !== before;
  }

  forget(): void {
    this.#at = Number.NEGATIVE_INFINITY;
    this.#attached = [];
  }

  close(): void {
    for (const client of this.#clients.values()) client.disconnect();
  }

  #size(): number {
    // One list may have addresses and the other one host names: then they cannot be compared.
    const common = this.#attached.some((address) => this.#promotable.has(address));
    if (!common) return Math.max(this.#attached.length, this.#promotable.size);
    return new Set([...this.#attached, ...this.#promotable]).size;
  }

  #add(address: string): void {
    if (this.#clients.has(address)) return;
    const { sentinelUsername, sentinelPassword, sentinelTLS } = this.#redis.options;
    const colon = address.lastIndexOf(':');
    const client = new Redis({
      host: address.slice(0, colon),
      port: Number(address.slice(colon + 1)),
      ...(sentinelUsername && { username: sentinelUsername }),
      ...(sentinelPassword && { password: sentinelPassword }),
      ...(sentinelTLS && { tls: sentinelTLS }),
      connectionName: this.#redis.options.connectionName ?? 'clipmill',
      lazyConnect: true,
      enableReadyCheck: false,
      maxRetriesPerRequest: 0,
      connectTimeout: ANSWER_MS,
      commandTimeout: ANSWER_MS,
      socketTimeout: 3 * ANSWER_MS,
      retryStrategy: () => 500,
    });
    client.on('error', () => {});
    this.#clients.set(address, client);
  }

  async #ask(client: Redis): Promise<SentinelView> {
    const name = this.#redis.options.name ?? 'mymaster';
    const [id, master, replicas, others] = await Promise.all([
      client.call('SENTINEL', 'MYID').then(String),
      client.call('SENTINEL', 'MASTER', name).then((reply) => record.parse(reply)),
      client.call('SENTINEL', 'REPLICAS', name).then((reply) => z.array(record).parse(reply)),
      client.call('SENTINEL', 'SENTINELS', name).then((reply) => z.array(record).parse(reply)),
    ]);
    return {
      id,
      masterRunId: master.get('flags') === 'master' ? master.get('runid') : undefined,
      sentinels: 1 + Number(master.get('num-other-sentinels')),
      replicas: replicas
        .filter((replica) => !/disconnected|[so]_down/.test(replica.get('flags') ?? ''))
        .map((replica) => `${replica.get('ip')}:${replica.get('port')}`),
      others: others.map((other) => `${other.get('ip')}:${other.get('port')}`),
    };
  }
}
