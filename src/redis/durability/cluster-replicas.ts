import { parseClusterNodes } from '../cluster-nodes.ts';
import type { RedisClient } from '../connect.ts';
import { NotMasterError, type ReplicaView } from './replica-view.ts';

/** How long the layout of the cluster is reused, in milliseconds. */
const FRESH_MS = 1_000;
/** Flags of nodes that cannot be promoted: a majority agrees on `fail`, while `fail?` is the view of one node. */
const notPromotable = new Set(['fail', 'handshake', 'noaddr']);

/** The replicas of this master according to the cluster. */
export class ClusterReplicas implements ReplicaView {
  readonly #redis: RedisClient;
  #listed: ReadonlySet<string> = new Set();
  #attached: readonly string[] = [];
  #at = Number.NEGATIVE_INFINITY;

  constructor(redis: RedisClient) {
    this.#redis = redis;
  }

  attached(addresses: readonly string[]): number {
    this.#attached = addresses;
    return this.#size();
  }

  async expected(): Promise<number> {
    if (performance.now() - this.#at > FRESH_MS) await this.refresh();
    return this.#size();
  }

  async refresh(): Promise<boolean> {
    const before = this.#size();
    const nodes = parseClusterNodes(String(await this.#redis.cluster('NODES')), '');
    const myself = nodes.find(({ flags }) => flags.includes('myself'));
    // A master that was replaced while it was frozen first loses its slots, and its replicas with them.
    if (!myself?.flags.includes('master') || myself.slots === 0) throw new NotMasterError('it serves no slot now');
    const replicas = nodes.filter(
      ({ masterId, flags }) => masterId === myself.id && !flags.some((flag) => notPromotable.has(flag)),
    );
    this.#listed = new Set(replicas.map(({ address, ip }) => `${ip || address.host}:${address.port}`));
    this.#at = performance.now();
    return this.#size() !== before;
  }

  forget(): void {
    this.#at = Number.NEGATIVE_INFINITY;
    this.#listed = new Set();
    this.#attached = [];
  }

  close(): void {}

  #size(): number {
    return new Set([...this.#listed, ...this.#attached]).size;
  }
}
