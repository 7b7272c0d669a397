import { z } from 'zod';
import { UserError } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import type { RedisClient } from '../connect.ts';
import { readRedisFacts, type RedisFacts, atLeast } from '../facts.ts';
import { ClusterReplicas } from './cluster-replicas.ts';
import { RememberedReplicas } from './remembered-replicas.ts';
import { NotMasterError, type ReplicaView } from './replica-view.ts';
import { SentinelReplicas } from './sentinel-replicas.ts';

/**
 * The witness that has to acknowledge a record: `auto` (replicas if there are any, else the disk, else nothing),
 * `replica`, `disk`, or `memory` (nothing).
 */
export type DurabilitySetting = 'auto' | 'replica' | 'disk' | 'memory';

/** The witness of a record on the current server. */
export type Acknowledgement =
  /** All replicas that could be promoted. */
  | { kind: 'replica'; text: string }
  /** WAITAOF: the next flush of the append-only file, which `appendfsync everysec` does within a second. */
  | { kind: 'waitaof'; text: string }
  /** `appendfsync always`: the reply to the write itself came after the flush. */
  | { kind: 'flushed'; text: string }
  | { kind: 'memory'; text: string }
  /** The server does not have the witness that the setting requires. */
  | { kind: 'impossible'; text: string };

/** How long facts of the server are reused, in milliseconds: its settings may change. */
const FACTS_MS = 5_000;
/** How long the number of replicas is reused for the choice of the witness, in milliseconds: replicas may join. */
const REPLICAS_MS = 1_000;

const roleReply = z.tuple([z.string()], z.unknown());
/** Numbers of local files and of replicas that have flushed. */
const flushedReply = z.tuple([z.number(), z.number()]);
const attached = z.array(z.tuple([z.string(), z.coerce.string()], z.unknown()));

/** Chooses the witness of records, again whenever the server changes, and waits for its acknowledgement. */
export class AcknowledgementPolicy {
  readonly #redis: RedisClient;
  readonly #setting: DurabilitySetting;
  readonly #log: Logger;
  readonly #view: ReplicaView;
  #known: { facts: RedisFacts; at: number } | undefined;
  #counted: { replicas: number; at: number } | undefined;
  #last: Acknowledgement | undefined;

  constructor(redis: RedisClient, setting: DurabilitySetting, log: Logger) {
    this.#redis = redis;
    this.#setting = setting;
    this.#log = log;
    this.#view = replicaView(redis);
  }

  /** Drops what is known about the server: the next connection may be to another one. */
  forget(): void {
    this.#known = undefined;
    this.#counted = undefined;
    this.#view.forget();
  }

  /** Closes its own connections, to the sentinels. */
  close(): void {
    this.#view.close();
  }

  /** Returns the current witness as text. */
  needs(): string {
    return this.#last?.text ?? this.#setting;
  }

  async current(): Promise<Acknowledgement> {
    const facts = await this.#facts();
    const replicas = this.#setting === 'auto' || this.#setting === 'replica' ? await this.#replicas(facts) : 0;
    const decided = decide(this.#setting, facts, replicas);
    if (decided.text !== this.#last?.text) this.#log.info({ witness: decided.text }, 'witness of submissions chosen');
    this.#last = decided;
    return decided;
  }

  /** Returns whether the witness acknowledges all earlier writes on this connection within `timeoutMs`. */
  async acknowledge(timeoutMs: number): Promise<boolean> {
    const { kind } = await this.current();
    if (kind === 'replica') return await this.#byReplicas(timeoutMs);
    if (kind === 'waitaof') {
      const [local] = flushedReply.parse(await this.#redis.call('WAITAOF', '1', '0', timeoutMs));
      return local >= 1;
    }
    return kind !== 'impossible';
  }

  /**
   * Returns whether every replica that could be promoted has the record. The acknowledgement of one attached replica
   * is not enough: another one that was just promoted is detached, and may lack the record.
   */
  async #byReplicas(timeoutMs: number): Promise<boolean> {
    const facts = await this.#facts();
    for (let round = 0; round < 2; round += 1) {
      const needed = Math.max(1, await this.#view.expected(facts.runId));
      const [count, role] = await Promise.all([this.#redis.wait(needed, timeoutMs), this.#redis.role()]);
      const known = this.#view.attached(replicasOf(role));
      if (count >= needed && known <= needed) return true;
      // A replica that joined meanwhile is asked too; of one that left, the sentinels or the cluster may know the state.
      if (!(await this.#view.refresh(facts.runId))) return false;
    }
    return false;
  }

  async #replicas(facts: RedisFacts): Promise<number> {
    if (!this.#counted || performance.now() - this.#counted.at > REPLICAS_MS) {
      this.#view.attached(replicasOf(await this.#redis.role()));
      this.#counted = { replicas: await this.#view.expected(facts.runId), at: performance.now() };
    }
    return this.#counted.replicas;
  }

  async #facts(): Promise<RedisFacts> {
    if (!this.#known || performance.now() - this.#known.at > FACTS_MS) {
      this.#known = { facts: await readRedisFacts(this.#redis), at: performance.now() };
    }
    return this.#known.facts;
  }
}

/** Chooses the witness. @param replicas number of those that could be promoted */
export function decide(setting: DurabilitySetting, facts: RedisFacts, replicas: number): Acknowledgement {
  if (setting === 'memory') return { kind: 'memory', text: 'nothing (CLIPMILL_DURABILITY=memory)' };
  const disk = onDisk(facts);
  if (setting === 'disk') {
    return disk ?? { kind: 'impossible', text: 'the disk, which this Redis does not confirm (see docs/durability.md)' };
  }
  if (replicas > 0 || setting === 'replica') {
    return { kind: 'replica', text: replicas > 1 ? `all ${replicas} replicas` : 'a replica' };
  }
  return disk ?? { kind: 'memory', text: 'nothing: no replica, and this Redis does not confirm its disk' };
}

function onDisk({ aof, fsync, version }: RedisFacts): Acknowledgement | undefined {
  if (!aof) return undefined;
  if (fsync === 'always') return { kind: 'flushed', text: 'the disk (appendfsync always)' };
  if (version === undefined || !atLeast(version, [7, 2]) || fsync === 'no') return undefined;
  return { kind: 'waitaof', text: 'the disk (WAITAOF)' };
}

/** @throws UserError when the server cannot have the witness that the setting requires */
export function requirePossible(setting: DurabilitySetting, facts: RedisFacts): void {
  if (setting !== 'disk' || onDisk(facts)) return;
  throw new UserError('CLIPMILL_DURABILITY=disk, but this Redis does not confirm what is on its disk', {
    cure: 'Set appendonly yes and appendfsync always (CONFIG SET), use Redis 7.2 or Valkey with appendfsync everysec, or set CLIPMILL_DURABILITY to auto.',
  });
}

/** Returns the addresses of the attached replicas, from a master's reply to ROLE. */
function replicasOf(reply: unknown): string[] {
  const [role, , list] = roleReply.parse(reply);
  if (role !== 'master') throw new NotMasterError('it is a replica now');
  return attached.parse(list).map(([host, port]) => `${host}:${port}`);
}

/** Returns the source of the replicas: the sentinels, the cluster, or on a plain URL the master itself. */
function replicaView(redis: RedisClient): ReplicaView {
  if (redis.options.sentinels) return new SentinelReplicas(redis);
  if ('owner' in redis.options) return new ClusterReplicas(redis);
  return new RememberedReplicas();
}
