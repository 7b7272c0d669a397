import { z } from 'zod';
import { UserError } from '../core/errors.ts';
import type { Marker, MarkerKind } from './markers.ts';
import { describeIssue } from './request-body.ts';
import { seededRandom, type Random } from './random.ts';
import { takeMarker, type PromptHistory } from './task.ts';

/** Random faults. Each has a rate from 0, never (the default), to 1, always. */
export const faultRates = {
  create500: 'POST: 500, no task is made',
  create503: 'POST: 503, no task is made',
  createReset: 'POST: connection reset, no task is made',
  createLost: 'POST: the task is made, then the connection is reset before the answer',
  createHang: 'POST: the task is made, the answer is never sent',
  status500: 'GET statusTask: 500',
  statusReset: 'GET statusTask: connection reset',
  statusGarbage: 'GET statusTask: 200 with a body that is not JSON',
  file500: 'GET of a clip: 500',
  fileShort: 'GET of a clip: half of Content-Length, then the connection is closed',
  fileStall: 'GET of a clip: half of the bytes, then nothing, with the connection left open',
  failRate: 'the task ends failed with GENERATION_FAILED',
  dropCallback: 'the callback of a task is never sent',
  duplicateCallback: 'the callback is delivered twice',
  delayCallback: 'the callback is delayed by callbackDelayMs, so that callbacks arrive out of order',
  earlyCallback: 'an additional callback is sent while the task is running, before the answer to its POST',
  chunkedCallback: 'the callback is sent in chunks, without Content-Length',
  slowCallback: 'half of the callback is sent at once, the rest after callbackDelayMs',
  longCallback: 'the callback has a body of a megabyte',
} as const;

export type FaultRate = keyof typeof faultRates;

/** Faults of all requests. Those of single prompts are in markers.ts. */
export interface Faults extends Record<FaultRate, number> {
  /** Latency of every answer of the API, uniform in [min, max], in real milliseconds. Default: null, no latency. */
  latencyMs: [min: number, max: number] | null;
  /** Delay of a delayed callback, uniform in [min, max], in real milliseconds. Default: [0, 5000]. */
  callbackDelayMs: [min: number, max: number];
  /** Seconds in the Retry-After header of every 429. Default: null, no header, as documented. */
  retryAfter: number | null;
  /** Destroys the connection of every API request. Clips are still served, as from another host. */
  down: boolean;
  /** Answers every API request with 401. */
  badKey: boolean;
  /** Answers every POST with 400 "Insufficient credits", and reports a balance of 0. */
  noCredit: boolean;
}

const milliseconds = z.number().min(0).max(3_600_000);
const range = z.tuple([milliseconds, milliseconds]).refine(([min, max]) => min <= max, 'must be [min, max]');
const chance = z.number().min(0).max(1).default(0);
const rates = Object.fromEntries(Object.keys(faultRates).map((name) => [name, chance])) as Record<
  FaultRate,
  typeof chance
>;

const schema = z.strictObject({
  ...rates,
  latencyMs: range.nullable().default(null),
  callbackDelayMs: range.default([0, 5_000]),
  retryAfter: z.number().int().min(0).max(86_400).nullable().default(null),
  down: z.boolean().default(false),
  badKey: z.boolean().default(false),
  noCredit: z.boolean().default(false),
});

/** Returns the faults after a change, which replaces only the named ones. @throws UserError for invalid values */
export function changeFaults(current: Partial<Faults>, change: unknown): Faults {
  const isObject = typeof change === 'object' && change !== null && !Array.isArray(change);
  const result = schema.safeParse(isObject ? { ...current, ...change } : change);
  if (result.success) return result.data;
  throw new UserError(`faults: ${result.error.issues.map(describeIssue).join('; ')}`, {
    cure: `Use a rate from 0 to 1 for ${Object.keys(faultRates).join(', ')}, and no rate for down, badKey, noCredit.`,
  });
}

/** Decides which faults occur, and counts them by name: that of the fault, or `marker:KIND`. */
export class FaultInjector {
  readonly random: Random;
  readonly faults: Faults;
  readonly fired: Record<string, number> = {};

  constructor(faults: Faults, seed: number) {
    this.faults = faults;
    this.random = seededRandom(seed);
  }

  fires(name: FaultRate): boolean {
    return this.firesWith(this.random, name);
  }

  firesWith(random: Random, name: FaultRate): boolean {
    const rate = this.faults[name];
    if (rate === 0 || random() >= rate) return false;
    this.#count(name);
    return true;
  }

  /** Consumes a marker of this kind in the prompt, if one is left. */
  marker(history: PromptHistory, kind: MarkerKind): Marker | undefined {
    if (history.markers.length === 0) return undefined;
    const marker = takeMarker(history, kind);
    if (marker) this.#count(`marker:${kind}`);
    return marker;
  }

  #count(name: string): void {
    this.fired[name] = (this.fired[name] ?? 0) + 1;
  }
}
