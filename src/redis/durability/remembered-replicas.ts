import type { ReplicaView } from './replica-view.ts';

/** How long a replica that left counts as possibly promoted, in milliseconds. */
const PROMOTION_MS = 60_000;

/**
 * The replicas that a master on a plain URL has had. No server reports whether a replica that left was promoted or
 * died, so it counts for another minute: by then a fail-over has replaced this master, or there was none.
 */
export class RememberedReplicas implements ReplicaView {
  readonly #seenAt = new Map<string, number>();
  readonly #now: () => number;
  #runId: string | undefined;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  attached(addresses: readonly string[]): number {
    const now = this.#now();
    for (const address of addresses) this.#seenAt.set(address, now);
    for (const [address, at] of this.#seenAt) if (now - at > PROMOTION_MS) this.#seenAt.delete(address);
    return this.#seenAt.size;
  }

  expected(runId: string | undefined): Promise<number> {
    if (runId !== this.#runId && this.#runId !== undefined) this.#seenAt.clear();
    this.#runId = runId;
    return Promise.resolve(this.#seenAt.size);
  }

  refresh(): Promise<boolean> {
    return Promise.resolve(false);
  }

  forget(): void {}
  close(): void {}
}
