import { Redis } from 'ioredis';
import { z } from 'zod';
import type { RedisClient } from '../connect.ts';
import { NotMasterError, type ReplicaView } from './replica-view.ts';

/** How long the answers of the sentinels hold, in milliseconds: no fail-over can come and go unseen by then. */
const FRESH_MS = 3_000;
/** How long a sentinel may take to answer, in milliseconds. */
const ANSWER_MS = 1_000;

/** The replicas that one sentinel knows. */
interface Opinion {
  /** Its own id: one sentinel may be known by host name and by address. */
  id: string;
  /** Run id of the server that it holds for the master, if it sees it up. */
  masterRunId: string | undefined;
  /** How many sentinels there are, itself included. */
  sentinels: number;
  /** Addresses of replicas that it is connected to. */
  replicas: string[];
  others: string[];
}

const record = z
  .array(z.string())
  .transform((flat) => new Map(flat.flatMap((name, at) => (at % 2 === 0 ? [[name, flat[at + 1] ?? '']] : []))));

/**
 * The replicas that the sentinels could promote. A majority of the sentinels must hold this very server for the
 * master: on the smaller side of a split network nothing counts as acknowledged.
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
    // The connection ends for good: with it what asks on its behalf.
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

  /** @throws Error when no majority of the sentinels holds this server for the master */
  async refresh(runId: string | undefined): Promise<boolean> {
    this.#at = Number.NEGATIVE_INFINITY;
    const before = this.#size();
    const answers = await Promise.allSettled([...this.#clients.values()].map((client) => this.#ask(client)));
    const opinions = [
      ...new Map(
        answers.flatMap((answer) => (answer.status === 'fulfilled' ? [[answer.value.id, answer.value]] : [])),
      ).values(),
    ];
    for (const address of opinions.flatMap(({ others }) => others)) this.#add(address);
    const sentinels = Math.max(1, ...opinions.map((opinion) => opinion.sentinels));
    const agreeing = opinions.filter(({ masterRunId }) => masterRunId !== undefined && masterRunId === runId);
    if (agreeing.length * 2 <= sentinels) {
      const elsewhere = opinions.filter(({ masterRunId }) => masterRunId !== undefined && masterRunId !== runId);
      const found = `${agreeing.length} of ${sentinels} sentinels hold this server for the master`;
      throw elsewhere.length * 2 > sentinels ? new NotMasterError(found) : new Error(found);
    }
    this.#promotable = new Set(opinions.flatMap(({ replicas }) => replicas));
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
    // Sentinels may know by address what names itself by host name: then there is nothing to compare.
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

  async #ask(client: Redis): Promise<Opinion> {
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
