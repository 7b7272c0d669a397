import { Counter, Gauge, Registry } from 'prom-client';
import { z } from 'zod';
import type { App } from '../app.ts';
import { withTimeout } from '../core/timeouts.ts';
import { documentedFailCodes } from '../apixo/error-policy.ts';
import { haltReasons } from '../ledger/account.ts';
import { conditionKinds, type ConditionKind } from '../ledger/conditions.ts';
import { reasons } from '../ledger/schema/reasons.ts';
import { queueNames } from '../queue/queues.ts';

/** Lifetime of the cached metrics, in milliseconds: several scrapers cost Redis one read. */
const FRESH_MS = 2_000;
/** Longest wait for Redis, in milliseconds. */
const DEADLINE_MS = 1_000;

const reply = z.object({
  items: z.record(z.string(), z.number()),
  ended: z.record(z.string(), z.number()),
  codes: z.record(z.string(), z.number()),
  batchesOpen: z.number(),
  slots: z.object({ used: z.number(), max: z.number(), ceiling: z.number() }),
  requests: z.object({ used: z.number(), max: z.number() }),
  oldestWaitingMs: z.number(),
  halted: z.string(),
  paused: z.boolean(),
  balanceUsd: z.number().optional(),
});

/** Values of the label `reason` of `clipmill_halted`. */
const HALTS = [...haltReasons, 'paused'];
const QUEUE_STATES = ['wait', 'active', 'delayed', 'prioritized'] as const;

/**
 * Metrics of the whole account. Every `serve` process exports the same values, so dashboards use the maximum, not the
 * sum. While Redis is unavailable, `clipmill_redis_up 0` is the only metric.
 */
export class AccountMetrics {
  readonly #app: Pick<App, 'redis' | 'run' | 'keys' | 'conditions'>;
  readonly #registry = new Registry();
  readonly #gauges: ReturnType<typeof createGauges>;
  #cached: { at: number; text: Promise<string> } | undefined;

  constructor(app: Pick<App, 'redis' | 'run' | 'keys' | 'conditions'>) {
    this.#app = app;
    this.#gauges = createGauges(this.#registry);
  }

  /** Returns the metrics in the text format of Prometheus. */
  async text(): Promise<string> {
    if (!this.#cached || performance.now() - this.#cached.at > FRESH_MS) {
      this.#cached = { at: performance.now(), text: this.#read() };
    }
    return await this.#cached.text;
  }

  async #read(): Promise<string> {
    this.#registry.resetMetrics();
    try {
      if (this.#app.redis.status !== 'ready') throw new Error('Redis is unavailable');
      const reading = Promise.all([this.#account(), this.#jobs(), this.#app.conditions.read()]);
      const [account, jobs, conditions] = await withTimeout(reading, { ms: DEADLINE_MS });
      this.#set(account, jobs);
      this.#setConditions(conditions.map(({ kind }) => kind));
      this.#gauges.redisUp.set(1);
      return await this.#registry.metrics();
    } catch {
      this.#registry.resetMetrics();
      this.#gauges.redisUp.set(0);
      return await this.#registry.getSingleMetricAsString('clipmill_redis_up').then((text) => `${text}\n`);
    }
  }

  async #account() {
    return reply.parse(JSON.parse(z.string().parse(await this.#app.run('overview'))));
  }

  async #jobs(): Promise<{ queue: string; state: string; count: number }[]> {
    const { redis, keys } = this.#app;
    const lists = queueNames.flatMap((queue) => QUEUE_STATES.map((state) => ({ queue, state })));
    const pipeline = redis.pipeline();
    for (const { queue, state } of lists) {
      const key = `${keys.prefix}${queue}:${state}`;
      if (state === 'wait' || state === 'active') pipeline.llen(key);
      else pipeline.zcard(key);
    }
    const replies = (await pipeline.exec()) ?? [];
    return lists.map((list, index) => ({ ...list, count: Number(replies[index]?.[1] ?? 0) }));
  }

  #set(account: z.output<typeof reply>, jobs: readonly { queue: string; state: string; count: number }[]): void {
    const gauges = this.#gauges;
    for (const [state, items] of Object.entries(account.items)) gauges.items.set({ state }, Math.max(0, items));
    for (const [state, items] of Object.entries(account.ended)) gauges.ended.inc({ state }, items);
    for (const [code, items] of boundedCodes(account.codes)) gauges.failures.inc({ code }, items);
    gauges.batchesOpen.set(account.batchesOpen);
    for (const [kind, value] of Object.entries(account.slots)) gauges.slots.set({ kind }, value);
    for (const [kind, value] of Object.entries(account.requests)) gauges.requests.set({ kind }, value);
    for (const { queue, state, count } of jobs) gauges.queueJobs.set({ queue, state }, count);
    gauges.oldestWaiting.set(account.oldestWaitingMs / 1000);
    // Absent rather than 0 if the balance was never read: 0 would fire an alert.
    if (account.balanceUsd === undefined) gauges.balance.remove();
    else gauges.balance.set(account.balanceUsd);
    for (const reason of HALTS) {
      const holds = reason === 'paused' ? account.paused : account.halted === reason;
      gauges.halted.set({ reason }, holds ? 1 : 0);
    }
  }

  #setConditions(met: readonly ConditionKind[]): void {
    for (const kind of conditionKinds) this.#gauges.condition.set({ kind }, met.includes(kind) ? 1 : 0);
  }
}

/** Codes with a series of their own, besides HTTP statuses: those of clipmill and the documented ones of the API. */
const knownCodes: ReadonlySet<string> = new Set([...Object.keys(reasons), ...documentedFailCodes]);

/** Sums unknown codes as `other`: the API may send any code, and labels must stay few. */
function boundedCodes(codes: Readonly<Record<string, number>>): Map<string, number> {
  const bounded = new Map<string, number>();
  for (const [code, items] of Object.entries(codes)) {
    const label = knownCodes.has(code) || /^HTTP_[45]\d\d$/.test(code) ? code : 'other';
    bounded.set(label, (bounded.get(label) ?? 0) + items);
  }
  return bounded;
}

function createGauges(registry: Registry) {
  const registers = [registry];
  const gauge = (name: string, help: string, labelNames: string[] = []) =>
    new Gauge({ name: `clipmill_${name}`, help, labelNames, registers });
  const counter = (name: string, help: string, labelNames: string[]) =>
    new Counter({ name: `clipmill_${name}`, help, labelNames, registers });
  return {
    redisUp: gauge('redis_up', 'Whether Redis answered within a second.'),
    items: gauge('items', 'Items that have not ended, by state.', ['state']),
    ended: counter('ended_total', 'Items that ended, by state; an item that is retried may end again.', ['state']),
    failures: counter('failures_total', 'Items that failed or were held, by code.', ['code']),
    batchesOpen: gauge('batches_open', 'Batches that have not ended.'),
    slots: gauge('slots', 'Task slots: used, max (the setting), ceiling (lowered for a while by refusals).', ['kind']),
    requests: gauge('window_requests', 'Requests in the window: used, max.', ['kind']),
    queueJobs: gauge('queue_jobs', 'Jobs by queue and state.', ['queue', 'state']),
    oldestWaiting: gauge('oldest_waiting_seconds', 'Longest time that the next item of any batch has waited.'),
    balance: gauge('balance_usd', 'Balance of the API key in US dollars when it was last read.'),
    condition: gauge('condition', '1 while a condition blocks clips, by kind.', ['kind']),
    halted: gauge('halted', 'Whether submission is halted or paused, by reason.', ['reason']),
  };
}
