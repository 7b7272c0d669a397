import { z } from 'zod';
import { UserError } from '../core/errors.ts';
import type { Marker, MarkerKind } from './markers.ts';
import { seededRandom, type Random } from './random.ts';
import { takeMarker, type PromptHistory } from './task.ts';

/** Faults that strike at random, each with its chance: 0 never (the default), 1 always. */
export const faultRates = {
  create500: 'POST: 500, no task is made',
  create503: 'POST: 503, no task is made',
  createReset: 'POST: connection reset, no task is made',
  createLost: 'POST: the task is made, then the connection is reset before the answer',
  createHang: 'POST: the task is made, the answer is never sent',
  status500: 'GET statusTask: 500',
  statusReset: 'GET statusTask: connection reset',
  statusGarbage: 'GET statusTask: 200 with a body that is no JSON',
  file500: 'GET of a clip: 500',
  fileShort: 'GET of a clip: half of Content-Length, then the connection is closed',
  fileStall: 'GET of a clip: half of the bytes, then nothing, with the connection left open',
  failRate: 'the task ends failed with GENERATION_FAILED',
  dropCallback: 'the callback of a task is never sent, nor tried again',
  duplicateCallback: 'the callback is delivered twice',
  delayCallback: 'the callback is late by callbackDelayMs, so that callbacks arrive out of order',
  earlyCallback: 'the callback of a task is sent once more while the task still runs, before the answer to its POST',
  chunkedCallback: 'the callback comes in chunks, without Content-Length',
  slowCallback: 'half of the callback comes at once, the rest after callbackDelayMs',
  longCallback: 'the callback has a body of a megabyte',
} as const;

export type FaultRate = keyof typeof faultRates;

/** Faults of all requests; those of one prompt are in markers.ts. */
export interface Faults extends Record<FaultRate, number> {
  /** Added to every answer of the API, uniform in [min, max] ms of real time; null (default): none. */
  latencyMs: [min: number, max: number] | null;
  /** How late a delayed callback is, uniform in [min, max] ms of real time; [0, 5000] by default. */
  callbackDelayMs: [min: number, max: number];
  /** Seconds in the Retry-After header of every 429; null (default): no header, as documented. */
  retryAfter: number | null;
  /** Every API request finds its connection destroyed at once. Clips are on another host: they are still served. */
  down: boolean;
  /** 401 for every API request. */
  badKey: boolean;
  /** 400 "Insufficient credits" for every POST, and a balance of 0. */
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

/** The faults in force after a change; what the change does not name stays as it was. Throws UserError. */
export function changeFaults(current: Partial<Faults>, change: unknown): Faults {
  const isObject = typeof change === 'object' && change !== null && !Array.isArray(change);
  const result = schema.safeParse(isObject ? { ...current, ...change } : change);
  if (result.success) return result.data;
  throw new UserError(`faults: ${z.prettifyError(result.error)}`, {
    cure: `Give numbers from 0 to 1 for ${Object.keys(faultRates).join(', ')}.`,
  });
}

/** Draws which faults occur, and counts them by name: a fault's own, or `marker:KIND`. */
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

  /** Takes a marker of that kind from the prompt, if one is left. */
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
